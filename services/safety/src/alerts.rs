//! Changing, answering and resolving an alert.

use crewup_proto::safety::*;
use crewup_shared::{
    app::WriteCx,
    error::{Error, Result},
    fields::Fields,
    outbox::Topic,
};

use crate::{
    access, figures,
    model::{Answer, Edit, Resolver},
    store,
};

/// UpdateAlert (S3, S8).
pub(crate) async fn update(cx: &mut WriteCx, req: &UpdateAlertRequest) -> Result<UpdateAlertResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let edit = Edit::parse(&mut fields, req, now);
    let id = fields.id("alert.id", edit.alert_id());
    fields.done()?;

    let moderates = access::moderates(&cx.caller);
    let mut alert = store::alerts::held(cx.db(), caller, moderates, id).await?;
    access::own(&alert, &cx.caller)?;
    alert.must_be_active()?;
    if edit.changes(&alert) {
        store::alerts::update(cx.db(), id, &edit, now).await?;
        cx.tx.emit(Topic::AlertChanged, id, None);
        alert = store::alerts::get(cx.db(), caller, false, id).await?;
    }
    Ok(UpdateAlertResponse { alert: Some(alert.to_wire(&cx.caller)) })
}

/// AcknowledgeAlert (S6, S7).
pub(crate) async fn acknowledge(cx: &mut WriteCx, req: &AcknowledgeAlertRequest) -> Result<AcknowledgeAlertResponse> {
    let mut fields = Fields::new();
    let id = fields.id("alert_id", &req.alert_id);
    let kind: Option<AcknowledgementType> = fields.required_enum("type", req.r#type);
    fields.done()?;
    let answer = kind.and_then(Answer::from_wire).ok_or_else(|| Error::internal("an enum past its check"))?;

    let (caller, now) = (cx.caller.id, cx.now());
    let moderates = access::moderates(&cx.caller);
    let mut alert = store::alerts::held(cx.db(), caller, moderates, id).await?;
    access::recipient(&alert)?;
    alert.must_be_active()?;
    if alert.my_answer() != Some(answer) {
        let waited = alert.is_unanswered().then(|| (now - alert.created_at).to_std().unwrap_or_default());
        store::recipients::answer(cx.db(), id, caller, answer, now).await?;
        cx.tx.count(&figures::ANSWERED, answer.name());
        if let Some(waited) = waited {
            cx.tx.took(&figures::TIME_TO_ANSWER, waited);
        }
        cx.tx.emit(Topic::AlertChanged, id, None);
        alert = store::alerts::get(cx.db(), caller, moderates, id).await?;
    }
    Ok(AcknowledgeAlertResponse { alert: Some(alert.to_wire(&cx.caller)) })
}

/// ResolveAlert (S9).
pub(crate) async fn resolve(cx: &mut WriteCx, req: &ResolveAlertRequest) -> Result<ResolveAlertResponse> {
    let mut fields = Fields::new();
    let id = fields.id("alert_id", &req.alert_id);
    let reason = fields.text("reason", &req.reason, 500);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let moderates = access::moderates(&cx.caller);
    let mut alert = store::alerts::held(cx.db(), caller, moderates, id).await?;
    let resolver = access::resolver(&alert, &cx.caller)?;
    let mut fields = Fields::new();
    let is_said = resolver == Resolver::Sender || reason.is_some();
    fields.check("reason", is_said, "is required of everyone but the sender");
    fields.done()?;
    if !alert.is_resolved() {
        alert.must_be_active()?;
        store::alerts::resolve(cx.db(), id, caller, resolver, reason.as_deref(), now).await?;
        cx.tx.emit(Topic::AlertChanged, id, None);
        alert = store::alerts::get(cx.db(), caller, moderates, id).await?;
    }
    Ok(ResolveAlertResponse { alert: Some(alert.to_wire(&cx.caller)) })
}
