//! Erasing oneself (U8): what is the user service's at once, what is others' by their reactions.

use crewup_proto::{call::Standing, user::*};
use crewup_shared::{
    app::WriteCx,
    error::{ErrorReason, Result},
    fields::Fields,
    id::UserId,
    outbox::Topic,
};

use crate::store;

/// EraseMe (U8, U9). A second time is OK.
pub(crate) async fn erase(cx: &mut WriteCx, req: &EraseMeRequest) -> Result<EraseMeResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: UserId = fields.id("user_id", &req.user_id);
    let good = fields.are_good();
    fields.check("user_id", !good || id == caller, "must be the caller's own, as a sign that it is meant");
    fields.done()?;

    if cx.caller.standing != Standing::Erased {
        if store::me::has_active_alert(cx.db(), caller).await? {
            return Err(ErrorReason::AlertActive.into());
        }
        store::erase::erase(cx.db(), caller).await?;
        cx.tx.emit(Topic::UserStanding, caller, None);
    }
    Ok(EraseMeResponse {})
}
