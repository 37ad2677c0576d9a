//! Ways into private events (E20).

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::event::{self as wire, accept_invitation_request::Invitation as Accepted, *};
use crewup_shared::{
    app::{ReadCx, WriteCx},
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{EventId, InvitationId, UserId},
    idempotency::Once,
    link,
    page::Page,
};

use crate::{
    access,
    events::held,
    store::{
        self,
        events::Hold,
        invitations::{Invitation, Key},
    },
};

const LONGEST: TimeDelta = TimeDelta::days(400);

/// CreateInvitation.
pub(crate) async fn create(cx: &mut WriteCx, req: &CreateInvitationRequest) -> Result<CreateInvitationResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let id = InvitationId::new();
    // Before the rules of time: a retry comes later than the call that it repeats.
    if fields.are_good()
        && let Once::Replay(made) = cx.once(request_id, req, id.0).await?
    {
        let made = store::invitations::get(cx.db(), InvitationId(made)).await?.ok_or(ErrorReason::NotFound)?;
        let event = store::events::get(cx.db(), caller, made.event_id).await?;
        access::own(&event, &cx.caller)?;
        // Only the hash is kept, so the secret of the answer that was lost is known to nobody.
        let token = link::secret();
        let renewed = store::invitations::renew(cx.db(), made.id, &link::hash(&token)).await?;
        return Ok(CreateInvitationResponse {
            invitation: Some(to_wire(made)),
            token: if renewed { token } else { String::new() },
        });
    }
    let new = parse(&mut fields, req, id, now);
    fields.done()?;

    let event = held(cx, new.event_id).await?;
    access::own(&event, &cx.caller)?;
    event.must_take_place()?;
    event.must_not_be_over()?;
    if event.is_public {
        return Err(ErrorReason::EventPublic.into());
    }
    if let Some(invitee) = new.invitee_id
        && !store::attendees::is_visible(cx.db(), caller, invitee).await?
    {
        return Err(ErrorReason::NotFound.into());
    }
    let is_link = new.invitee_id.is_none();
    let token = if is_link { link::secret() } else { String::new() };
    let hash = is_link.then(|| link::hash(&token));
    store::invitations::insert(cx.db(), &new, caller, hash.as_deref()).await?;
    Ok(CreateInvitationResponse { invitation: Some(to_wire(new)), token })
}

fn parse(fields: &mut Fields, req: &CreateInvitationRequest, id: InvitationId, now: DateTime<Utc>) -> Invitation {
    let event_id = fields.id("event_id", &req.event_id);
    let invitee_id: Option<UserId> = fields.optional_id("invitee_id", &req.invitee_id);
    let in_range = req.max_uses.is_none_or(|uses| (1..=10_000).contains(&uses));
    fields.check("max_uses", in_range, "must be 1 to 10,000, or absent for no limit");
    fields.check("max_uses", invitee_id.is_none() || req.max_uses.is_none(), "is for links only");
    let expires_at = fields.instant("expire_time", req.expire_time.as_ref());
    let in_time = expires_at.is_none_or(|at| at > now && at <= now + LONGEST);
    fields.check("expire_time", in_time, "must be in the future, at most 400 days from now");
    Invitation {
        id,
        event_id,
        invitee_id,
        max_uses: req.max_uses,
        uses: 0,
        expires_at,
        revoked_at: None,
        created_at: now,
    }
}

/// RevokeInvitation.
pub(crate) async fn revoke(cx: &mut WriteCx, req: &RevokeInvitationRequest) -> Result<RevokeInvitationResponse> {
    let mut fields = Fields::new();
    let id = fields.id("invitation_id", &req.invitation_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let invitation = store::invitations::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    let event = store::events::get(cx.db(), caller, invitation.event_id).await?;
    // An invitation is shown to the event's owner only: to everybody else it is as one that does not exist (X2).
    access::own(&event, &cx.caller).map_err(|_| ErrorReason::NotFound)?;
    store::invitations::revoke(cx.db(), id, now).await?;
    let invitation = store::invitations::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(RevokeInvitationResponse { invitation: Some(to_wire(invitation)) })
}

/// ListInvitations.
pub(crate) async fn list(cx: &mut ReadCx, req: &ListInvitationsRequest) -> Result<ListInvitationsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: EventId = fields.id("event_id", &req.event_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let event = store::events::get(cx.db(), caller, id).await?;
    access::own(&event, &cx.caller)?;
    let rows = store::invitations::list(cx.db(), id, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    Ok(ListInvitationsResponse { invitations: rows.into_iter().map(to_wire).collect(), next_page_token })
}

/// AcceptInvitation. A bad link of any kind is the same answer.
pub(crate) async fn accept(cx: &mut WriteCx, req: &AcceptInvitationRequest) -> Result<AcceptInvitationResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let named = match &req.invitation {
        Some(Accepted::InvitationId(id)) => Some(fields.id("invitation_id", id)),
        Some(Accepted::Token(token)) => {
            fields.at_most("token", token, 64);
            None
        }
        None => {
            fields.refuse("invitation", "one of token and invitation_id is required");
            None
        }
    };
    fields.done()?;

    let found = match (&req.invitation, named) {
        (Some(Accepted::Token(token)), _) => store::invitations::by_token(cx.db(), &link::hash(token)).await?,
        (_, Some(id)) => store::invitations::by_name(cx.db(), id, caller).await?,
        _ => None,
    };
    let (invitation, event_id) = found.ok_or(ErrorReason::InvitationNotFound)?;
    let event = store::events::held(cx.db(), caller, true, event_id, Hold::Change).await.map_err(hidden)?;
    let needs_access = event.creator_id != caller && !event.is_public;
    // A link that does not let in first: it must tell nothing of the event. What it gave is undone if the event refuses.
    if needs_access
        && store::invitations::give_access(cx.db(), event_id, caller, invitation, now).await?
        && !store::invitations::use_once(cx.db(), invitation, caller).await?
    {
        return Err(ErrorReason::InvitationNotFound.into());
    }
    event.must_take_place()?;
    event.must_not_be_over()?;
    Ok(AcceptInvitationResponse { event: Some(event.to_wire(&cx.caller)) })
}

/// A deleted event makes its invitations bad links.
fn hidden(error: Error) -> Error {
    if error.reason() == ErrorReason::NotFound { ErrorReason::InvitationNotFound.into() } else { error }
}

fn to_wire(row: Invitation) -> wire::Invitation {
    wire::Invitation {
        id: row.id.to_string(),
        event_id: row.event_id.to_string(),
        invitee_id: row.invitee_id.map(|id| id.to_string()).unwrap_or_default(),
        max_uses: row.max_uses,
        use_count: row.uses,
        expire_time: row.expires_at.map(timestamp),
        revoke_time: row.revoked_at.map(timestamp),
        create_time: Some(timestamp(row.created_at)),
    }
}
