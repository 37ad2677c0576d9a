//! Making, editing and archiving a crew.

use crewup_proto::group::*;
use crewup_shared::{
    app::WriteCx,
    error::{ErrorReason, Result},
    fields::Fields,
    id::{EventId, GroupId},
    idempotency::Once,
    outbox::Topic,
};

use crate::{
    access, departures, figures,
    model::{self, Draft, Edit},
    store::{self, crews::Hold},
};

/// CreateGroup (G1, X1).
pub(crate) async fn create(cx: &mut WriteCx, req: &CreateGroupRequest) -> Result<CreateGroupResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let group = model::required(&mut fields, req.group.as_ref());
    let event: EventId = fields.id("group.event_id", &group.event_id);
    let draft = Draft::parse(&mut fields, &group);
    fields.done()?;

    let mut id = GroupId::new();
    match cx.once(request_id, req, id.0).await? {
        Once::First => {
            store::events::held(cx.db(), caller, event).await?.must_take_crews()?;
            store::crews::insert(cx.db(), id, event, caller, &draft, now).await?;
            cx.tx.emit(Topic::CrewMembers, id, None);
            cx.tx.count(&figures::FORMED, if draft.is_private { "private" } else { "open" });
        }
        Once::Replay(made) => id = GroupId(made),
    }
    let crew = store::crews::get(cx.db(), caller, id).await?;
    Ok(CreateGroupResponse { group: Some(crew.to_wire()) })
}

/// UpdateGroup (G5, E6).
pub(crate) async fn update(cx: &mut WriteCx, req: &UpdateGroupRequest) -> Result<UpdateGroupResponse> {
    let mut fields = Fields::new();
    let edit = Edit::parse(&mut fields, req);
    let id: GroupId = fields.id("group.id", edit.group_id());
    fields.done()?;

    let (caller, moderator) = (cx.caller.id, access::is_moderator(&cx.caller));
    let crew = store::crews::held(cx.db(), caller, moderator, id, Hold::Change).await?;
    access::admin_or_moderator(&crew, &cx.caller)?;
    let draft = edit.apply(&crew)?;
    store::crews::update(cx.db(), &crew, &draft).await?;
    let crew = store::crews::load(cx.db(), caller, moderator, id).await?;
    Ok(UpdateGroupResponse { group: Some(crew.to_wire()) })
}

/// DeleteGroup (G10).
pub(crate) async fn delete(cx: &mut WriteCx, req: &DeleteGroupRequest) -> Result<DeleteGroupResponse> {
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    fields.done()?;

    let (caller, moderator) = (cx.caller.id, access::is_moderator(&cx.caller));
    let crew = store::crews::held(cx.db(), caller, moderator, id, Hold::Change).await?;
    if !crew.is_archived() {
        access::admin_or_moderator(&crew, &cx.caller)?;
        departures::archive(&mut cx.tx, &crew, caller).await?;
    } else if crew.archived_by != Some(caller) && !moderator {
        return Err(ErrorReason::NotCrewAdmin.into());
    }
    let crew = store::crews::load(cx.db(), caller, moderator, id).await?;
    Ok(DeleteGroupResponse { group: Some(crew.to_wire()) })
}
