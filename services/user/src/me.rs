//! The caller's own profile: reading, editing, putting aside and bringing back.

use crewup_proto::{call::Standing, user::*};
use crewup_shared::{
    app::{ReadCx, WriteCx},
    error::{ErrorReason, Result},
    fields::Fields,
    outbox::Topic,
};

use crate::{model::Edit, store};

/// GetMe.
pub(crate) async fn get(cx: &mut ReadCx, _: &GetMeRequest) -> Result<GetMeResponse> {
    let caller = cx.caller.id;
    let me = store::me::get(cx.db(), caller).await?;
    Ok(GetMeResponse { profile: Some(me.to_wire()) })
}

/// UpdateMe (U2, U4, E6).
pub(crate) async fn update(cx: &mut WriteCx, req: &UpdateMeRequest) -> Result<UpdateMeResponse> {
    let mut fields = Fields::new();
    let edit = Edit::parse(&mut fields, req);
    fields.done()?;

    let caller = cx.caller.id;
    let me = store::me::get(cx.db(), caller).await?;
    let edited = edit.apply(me)?;
    store::me::update(cx.db(), &edited).await?;
    let me = store::me::get(cx.db(), caller).await?;
    Ok(UpdateMeResponse { profile: Some(me.to_wire()) })
}

/// DeactivateMe (U6, U9).
pub(crate) async fn deactivate(cx: &mut WriteCx, _: &DeactivateMeRequest) -> Result<DeactivateMeResponse> {
    let caller = cx.caller.id;
    if cx.caller.standing == Standing::Active {
        if store::me::has_active_alert(cx.db(), caller).await? {
            return Err(ErrorReason::AlertActive.into());
        }
        store::me::set_active(cx.db(), caller, false).await?;
        cx.tx.emit(Topic::UserStanding, caller, None);
    }
    let me = store::me::get(cx.db(), caller).await?;
    Ok(DeactivateMeResponse { profile: Some(me.to_wire()) })
}

/// ReactivateMe (U6).
pub(crate) async fn reactivate(cx: &mut WriteCx, _: &ReactivateMeRequest) -> Result<ReactivateMeResponse> {
    let caller = cx.caller.id;
    if cx.caller.standing == Standing::Deactivated {
        store::me::set_active(cx.db(), caller, true).await?;
        cx.tx.emit(Topic::UserStanding, caller, None);
    }
    let me = store::me::get(cx.db(), caller).await?;
    Ok(ReactivateMeResponse { profile: Some(me.to_wire()) })
}
