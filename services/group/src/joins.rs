//! Ways into a crew: at once, by a request, by a link (G2, G3).

use crewup_proto::{call::Standing, group::*};
use crewup_shared::{
    app::{ReadCx, Tx, WriteCx},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{GroupId, JoinRequestId, UserId},
    link,
    outbox::Topic,
    page::Page,
};
use sqlx::PgConnection;

use crate::{
    access,
    members::held,
    model::{Crew, JoinRequest, State},
    store::{self, crews::Hold, requests::Key},
};

const LONGEST_NOTE: usize = 300;
const LONGEST_TOKEN: usize = 64;

/// JoinGroup (G2, G3).
pub(crate) async fn join(cx: &mut WriteCx, req: &JoinGroupRequest) -> Result<JoinGroupResponse> {
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let note = fields.text("note", &req.note, LONGEST_NOTE);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let crew = store::crews::held(cx.db(), caller, false, id, Hold::Add).await?;
    let has_asked = crew.is_private && crew.my_request_id.is_some();
    if !crew.i_am_member() && !has_asked {
        crew.must_admit()?;
        if !crew.is_private {
            crew.must_have_a_place()?;
            admit(&mut cx.tx, &crew, caller, None).await?;
        } else if req.allow_request {
            store::requests::insert(cx.db(), id, caller, note.as_deref(), now).await?;
        } else {
            return Err(ErrorReason::GroupPrivate.into());
        }
    }
    let crew = store::crews::get(cx.db(), caller, id).await?;
    Ok(JoinGroupResponse { group: Some(crew.to_wire()) })
}

/// AcceptInvitation (E20, G2, G3). A bad link of any kind is the same answer.
pub(crate) async fn accept(cx: &mut WriteCx, req: &AcceptInvitationRequest) -> Result<AcceptInvitationResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    fields.check("token", !req.token.is_empty(), "is required");
    fields.at_most("token", &req.token, LONGEST_TOKEN);
    fields.done()?;

    let found = store::invitations::by_token(cx.db(), &link::hash(&req.token)).await?;
    let (invitation, id) = found.ok_or(ErrorReason::InvitationNotFound)?;
    let crew = store::crews::held(cx.db(), caller, false, id, Hold::Add).await.map_err(hidden)?;
    if !crew.i_am_member() {
        // A used-up link first: it must tell nothing of the crew. The use is undone if the crew refuses.
        let is_good = !crew.is_archived() && store::invitations::use_once(cx.db(), invitation, caller, now).await?;
        if !is_good {
            return Err(ErrorReason::InvitationNotFound.into());
        }
        crew.must_admit()?;
        crew.must_have_a_place()?;
        admit(&mut cx.tx, &crew, caller, None).await?;
    }
    let crew = store::crews::get(cx.db(), caller, id).await?;
    Ok(AcceptInvitationResponse { group: Some(crew.to_wire()) })
}

/// A crew whose event is hidden makes its links bad ones.
fn hidden(error: Error) -> Error {
    if error.reason() == ErrorReason::NotFound { ErrorReason::InvitationNotFound.into() } else { error }
}

/// CancelJoinRequest (G3).
pub(crate) async fn cancel(cx: &mut WriteCx, req: &CancelJoinRequestRequest) -> Result<CancelJoinRequestResponse> {
    let mut fields = Fields::new();
    let id: JoinRequestId = fields.id("join_request_id", &req.join_request_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let request = request(cx, id).await?;
    let crew = held(cx, request.group_id).await?;
    access::sees_request(&crew, &request, caller)?;
    if request.user_id != caller {
        return Err(ErrorReason::NotOwner.into());
    }
    // Again, under the crew's lock: it may have been decided meanwhile.
    if self::request(cx, id).await?.awaits(State::Cancelled)? {
        store::requests::decide(cx.db(), id, State::Cancelled, None, now).await?;
    }
    Ok(CancelJoinRequestResponse { join_request: Some(self::request(cx, id).await?.to_wire()) })
}

/// ListJoinRequests (G3).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListJoinRequestsRequest) -> Result<ListJoinRequestsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    access::admin(&store::crews::get(cx.db(), caller, id).await?)?;
    let rows = store::requests::list(cx.db(), id, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    let join_requests = rows.iter().map(|row| row.to_wire()).collect();
    Ok(ListJoinRequestsResponse { join_requests, next_page_token })
}

/// ApproveJoinRequest (G3). Who asked is entered too: an RSVP that is withdrawn or a ban that commits meanwhile is either
/// seen here, or its reaction sees the new member.
pub(crate) async fn approve(cx: &mut WriteCx, req: &ApproveJoinRequestRequest) -> Result<ApproveJoinRequestResponse> {
    let mut fields = Fields::new();
    let id: JoinRequestId = fields.id("join_request_id", &req.join_request_id);
    fields.done()?;

    let caller = cx.caller.id;
    let asked = request(cx, id).await?;
    let (group_id, person) = (asked.group_id, asked.user_id);
    let crew = store::crews::held(cx.db(), caller, false, group_id, Hold::Add).await?;
    access::sees_request(&crew, &asked, caller)?;
    access::admin(&crew)?;
    if request(cx, id).await?.awaits(State::Approved)? {
        // As the person sees it: their RSVP, their ban.
        let crew = store::crews::load(cx.db(), person, true, group_id).await?;
        crew.must_take_place()?;
        // Who cannot act does not go anywhere; which it is is not told.
        if cx.tx.standing(person) != Some(Standing::Active) {
            return Err(ErrorReason::NotAttending.into());
        }
        crew.must_admit()?;
        crew.must_have_a_place()?;
        admit(&mut cx.tx, &crew, person, Some(caller)).await?;
    }
    Ok(ApproveJoinRequestResponse { join_request: Some(request(cx, id).await?.to_wire()) })
}

/// RejectJoinRequest (G3).
pub(crate) async fn reject(cx: &mut WriteCx, req: &RejectJoinRequestRequest) -> Result<RejectJoinRequestResponse> {
    let mut fields = Fields::new();
    let id: JoinRequestId = fields.id("join_request_id", &req.join_request_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let asked = request(cx, id).await?;
    let crew = held(cx, asked.group_id).await?;
    access::sees_request(&crew, &asked, caller)?;
    access::admin(&crew)?;
    // Not pending all the same: the profile of who asked was erased at this moment, for which no crew is held (U8).
    if request(cx, id).await?.awaits(State::Rejected)?
        && !store::requests::decide(cx.db(), id, State::Rejected, Some(caller), now).await?
    {
        return Err(ErrorReason::RequestNotPending.into());
    }
    Ok(RejectJoinRequestResponse { join_request: Some(request(cx, id).await?.to_wire()) })
}

/// Whom ApproveJoinRequest acts on: who asked. Nobody, where there is no such request, for the handler to refuse.
pub(crate) async fn who_asked(db: &mut PgConnection, req: &ApproveJoinRequestRequest) -> Result<Option<UserId>> {
    let mut fields = Fields::new();
    let id: JoinRequestId = fields.id("join_request_id", &req.join_request_id);
    if fields.are_good() { store::requests::person(db, id).await } else { Ok(None) }
}

/// Makes a person a member of a crew that is held together with its event (G2, G12).
async fn admit(tx: &mut Tx, crew: &Crew, user: UserId, approved_by: Option<UserId>) -> Result<()> {
    let now = tx.now;
    store::members::add(tx.db(), crew.id, user, approved_by, now).await?;
    tx.emit(Topic::CrewMembers, crew.id, None);
    Ok(())
}

async fn request(cx: &mut WriteCx, id: JoinRequestId) -> Result<JoinRequest> {
    store::requests::get(cx.db(), id).await?.ok_or_else(|| ErrorReason::NotFound.into())
}
