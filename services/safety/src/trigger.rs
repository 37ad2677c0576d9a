//! Raising an alert (S1-S5, S12, S13).

use crewup_proto::safety::*;
use crewup_shared::{
    app::WriteCx,
    error::{ErrorReason, Result},
    fields::Fields,
    id::AlertId,
    idempotency::Once,
    outbox::Topic,
};

use crate::{figures, model::Call, store};

/// TriggerAlert. While an alert of the caller is active, it is that one (S3).
pub(crate) async fn trigger(cx: &mut WriteCx, req: &TriggerAlertRequest) -> Result<TriggerAlertResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let call = Call::parse(&mut fields, req, now);
    fields.done()?;

    let new = AlertId::new();
    let id = match cx.once(request_id, req, new.0).await? {
        Once::Replay(made) => AlertId(made),
        Once::First => {
            let raised = store::raise::raise(cx.db(), new, caller, &call, now).await?;
            let id = raised.ok_or(ErrorReason::NoActiveCrew)?;
            if id != new {
                cx.made(request_id, id.0).await?;
            }
            cx.tx.emit(Topic::AlertChanged, id, None);
            cx.tx.count(&figures::RAISED, if id == new { "first" } else { "again" });
            id
        }
    };
    let alert = store::alerts::get(cx.db(), caller, false, id).await?;
    Ok(TriggerAlertResponse { alert: Some(alert.to_wire(&cx.caller)) })
}
