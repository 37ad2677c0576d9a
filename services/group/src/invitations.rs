//! Links into crews (G3, E20). Using one is in `joins`.

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::group::{self as wire, *};
use crewup_shared::{
    app::{ReadCx, WriteCx},
    convert::timestamp,
    error::{ErrorReason, Result},
    fields::Fields,
    id::{GroupId, GroupInvitationId},
    idempotency::Once,
    link,
    page::Page,
};

use crate::{
    access,
    members::held,
    model::Person,
    store::{
        self,
        invitations::{Draft, Invitation, Key},
    },
};

const LONGEST: TimeDelta = TimeDelta::days(400);

/// CreateInvitation (X1).
pub(crate) async fn create(cx: &mut WriteCx, req: &CreateInvitationRequest) -> Result<CreateInvitationResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let mut id = GroupInvitationId::new();
    let mut token = link::secret();
    // Before the rules of time: a retry comes later than the call that it repeats.
    if fields.are_good()
        && let Once::Replay(made) = cx.once(request_id, req, id.0).await?
    {
        id = GroupInvitationId(made);
        let crew = invitation(cx, id).await?.group_id;
        access::admin(&store::crews::get(cx.db(), caller, crew).await?)?;
        // Only the hash is kept, so the secret of the answer that was lost is known to nobody.
        if !store::invitations::renew(cx.db(), id, &link::hash(&token)).await? {
            token.clear();
        }
    } else {
        let draft = parse(&mut fields, req, now);
        fields.done()?;

        // Held, or archiving the crew at the same time would leave a link behind.
        let crew = held(cx, draft.group_id).await?;
        access::admin(&crew)?;
        crew.must_take_place()?;
        store::invitations::insert(cx.db(), id, &draft, caller, &link::hash(&token), now).await?;
    }
    Ok(CreateInvitationResponse { invitation: Some(to_wire(invitation(cx, id).await?)), token })
}

fn parse(fields: &mut Fields, req: &CreateInvitationRequest, now: DateTime<Utc>) -> Draft {
    let group_id = fields.id("group_id", &req.group_id);
    let in_range = req.max_uses.is_none_or(|uses| (1..=10_000).contains(&uses));
    fields.check("max_uses", in_range, "must be 1 to 10,000, or absent for no limit");
    let expires_at = fields.instant("expire_time", req.expire_time.as_ref());
    let in_time = expires_at.is_none_or(|at| at > now && at <= now + LONGEST);
    fields.check("expire_time", in_time, "must be in the future, at most 400 days from now");
    Draft { group_id, max_uses: req.max_uses, expires_at }
}

/// RevokeInvitation.
pub(crate) async fn revoke(cx: &mut WriteCx, req: &RevokeInvitationRequest) -> Result<RevokeInvitationResponse> {
    let mut fields = Fields::new();
    let id: GroupInvitationId = fields.id("invitation_id", &req.invitation_id);
    fields.done()?;

    let now = cx.now();
    let crew = invitation(cx, id).await?.group_id;
    // An invitation is shown to admins only: to everybody else it is as one that does not exist (X2).
    access::admin(&held(cx, crew).await?).map_err(|_| ErrorReason::NotFound)?;
    store::invitations::revoke(cx.db(), id, now).await?;
    Ok(RevokeInvitationResponse { invitation: Some(to_wire(invitation(cx, id).await?)) })
}

/// ListInvitations.
pub(crate) async fn list(cx: &mut ReadCx, req: &ListInvitationsRequest) -> Result<ListInvitationsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    access::admin(&store::crews::get(cx.db(), caller, id).await?)?;
    let rows = store::invitations::list(cx.db(), id, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    Ok(ListInvitationsResponse { invitations: rows.into_iter().map(to_wire).collect(), next_page_token })
}

async fn invitation(cx: &mut WriteCx, id: GroupInvitationId) -> Result<Invitation> {
    store::invitations::get(cx.db(), id).await?.ok_or_else(|| ErrorReason::NotFound.into())
}

fn to_wire(row: Invitation) -> wire::Invitation {
    let created_by = Person { id: row.created_by, first_name: row.first_name, last_name: row.last_name };
    wire::Invitation {
        id: row.id.to_string(),
        group_id: row.group_id.to_string(),
        created_by: Some(created_by.to_wire()),
        max_uses: row.max_uses,
        use_count: row.uses,
        expire_time: row.expires_at.map(timestamp),
        revoke_time: row.revoked_at.map(timestamp),
        create_time: Some(timestamp(row.created_at)),
    }
}
