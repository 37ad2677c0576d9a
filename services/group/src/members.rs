//! Who is in a crew: listing, leaving, roles, removal and crew bans (G6, G8).

use crewup_proto::group::*;
use crewup_shared::{
    app::{ReadCx, WriteCx},
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{GroupId, UserId},
    mask::Mask,
    page::Page,
};

use crate::{
    access, departures,
    model::{Cause, Crew, Person},
    store::{self, bans, crews::Hold, members},
};

/// ListMembers (G3, U5).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListMembersRequest) -> Result<ListMembersResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    access::member(&store::crews::get(cx.db(), caller, id).await?)?;
    let rows = store::members::list(cx.db(), id, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| members::Key(row.joined_at, row.user_id))?;
    Ok(ListMembersResponse { members: rows.into_iter().map(|row| to_wire(id, row)).collect(), next_page_token })
}

/// LeaveGroup (G6). Who left once, or was removed, has left.
pub(crate) async fn leave(cx: &mut WriteCx, req: &LeaveGroupRequest) -> Result<LeaveGroupResponse> {
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    fields.done()?;

    let caller = cx.caller.id;
    let crew = held(cx, id).await?;
    if !crew.i_am_member() && !store::members::was_member(cx.db(), id, caller).await? {
        return Err(ErrorReason::NotMember.into());
    }
    departures::depart(&mut cx.tx, &crew, caller, Cause::Left).await?;
    Ok(LeaveGroupResponse {})
}

/// UpdateMember (G6).
pub(crate) async fn update(cx: &mut WriteCx, req: &UpdateMemberRequest) -> Result<UpdateMemberResponse> {
    let empty = Member::default();
    let new = req.member.as_ref().unwrap_or(&empty);
    let mut fields = Fields::new();
    Mask::parse(&mut fields, req.update_mask.as_ref(), &["role"]);
    let id: GroupId = fields.id("member.group_id", &new.group_id);
    let user: UserId = fields.id("member.user_id", &new.user_id);
    let role: Option<MemberRole> = fields.required_enum("member.role", new.role);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let crew = held(cx, id).await?;
    access::admin(&crew)?;
    let member = store::members::get(cx.db(), id, user).await?.ok_or(ErrorReason::NotFound)?;
    let is_admin = role == Some(MemberRole::Admin);
    if member.is_admin != is_admin {
        if !is_admin && crew.admins() == [user] {
            return Err(ErrorReason::LastAdmin.into());
        }
        store::members::set_admin(cx.db(), id, user, is_admin, Some(caller), now).await?;
    }
    Ok(UpdateMemberResponse { member: Some(to_wire(id, members::Member { is_admin, ..member })) })
}

/// RemoveMember (G8).
pub(crate) async fn remove(cx: &mut WriteCx, req: &RemoveMemberRequest) -> Result<RemoveMemberResponse> {
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let user: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let crew = held(cx, id).await?;
    access::admin(&crew)?;
    if user == caller {
        return Err(Error::field(ErrorReason::SelfNotAllowed, "user_id", "is the caller's own"));
    }
    // Without a ban nobody is as anybody who is no member: otherwise this would tell who is there and hidden (X2).
    if req.ban && !store::bans::insert(cx.db(), id, user, caller, now).await? {
        return Err(ErrorReason::NotFound.into());
    }
    departures::depart(&mut cx.tx, &crew, user, Cause::Removed(caller)).await?;
    Ok(RemoveMemberResponse {})
}

/// UnbanMember (G8).
pub(crate) async fn unban(cx: &mut WriteCx, req: &UnbanMemberRequest) -> Result<UnbanMemberResponse> {
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let user: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    access::admin(&held(cx, id).await?)?;
    store::bans::delete(cx.db(), id, user).await?;
    Ok(UnbanMemberResponse {})
}

/// ListBannedMembers (G8).
pub(crate) async fn list_banned(cx: &mut ReadCx, req: &ListBannedMembersRequest) -> Result<ListBannedMembersResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    access::admin(&store::crews::get(cx.db(), caller, id).await?)?;
    let rows = store::bans::list(cx.db(), id, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| bans::Key(row.created_at, row.user_id))?;
    let members = rows.into_iter().map(|row| {
        let person = Person { id: row.user_id, first_name: row.first_name, last_name: row.last_name };
        let by = Person { id: row.by_id, first_name: row.by_first_name, last_name: row.by_last_name };
        BannedMember {
            person: Some(person.to_wire()),
            banned_by: Some(by.to_wire()),
            ban_time: Some(timestamp(row.created_at)),
        }
    });
    Ok(ListBannedMembersResponse { members: members.collect(), next_page_token })
}

/// The crew that a change is about, under its lock, as the caller sees it. Who watches it is woken when that is committed.
pub(crate) async fn held(cx: &mut WriteCx, id: GroupId) -> Result<Crew> {
    let caller = cx.caller.id;
    cx.tx.touch(id);
    store::crews::held(cx.db(), caller, false, id, Hold::Change).await
}

fn to_wire(crew: GroupId, member: members::Member) -> Member {
    let role = if member.is_admin { MemberRole::Admin } else { MemberRole::Member };
    Member {
        group_id: crew.to_string(),
        user_id: member.user_id.to_string(),
        first_name: member.first_name,
        last_name: member.last_name,
        role: role.into(),
        join_time: Some(timestamp(member.joined_at)),
    }
}
