//! Blocks (U5): two people are hidden from each other, and only the one who blocked knows why.

use crewup_proto::user::*;
use crewup_shared::{
    app::{ReadCx, WriteCx},
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::UserId,
    page::Page,
};

use crate::store::{self, blocks::Key};

/// BlockUser. Who is hidden already cannot be blocked, or the answer would tell that there is somebody; unless it is
/// the caller who blocked them.
pub(crate) async fn block(cx: &mut WriteCx, req: &BlockUserRequest) -> Result<BlockUserResponse> {
    let mut fields = Fields::new();
    let other: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    if other == caller {
        return Err(Error::field(ErrorReason::SelfNotAllowed, "user_id", "is the caller's own"));
    }
    if store::blocks::exists(cx.db(), caller, other).await? {
        return Ok(BlockUserResponse {});
    }
    if !store::people::is_seen(cx.db(), caller, other).await? {
        return Err(ErrorReason::NotFound.into());
    }
    store::blocks::insert(cx.db(), caller, other, now).await?;
    Ok(BlockUserResponse {})
}

/// UnblockUser.
pub(crate) async fn unblock(cx: &mut WriteCx, req: &UnblockUserRequest) -> Result<UnblockUserResponse> {
    let mut fields = Fields::new();
    let other: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    let caller = cx.caller.id;
    store::blocks::delete(cx.db(), caller, other).await?;
    Ok(UnblockUserResponse {})
}

/// ListBlockedUsers.
pub(crate) async fn list(cx: &mut ReadCx, req: &ListBlockedUsersRequest) -> Result<ListBlockedUsersResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::blocks::list(cx.db(), caller, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.user_id))?;
    let users = rows.into_iter().map(|row| BlockedUser {
        user_id: row.user_id.to_string(),
        first_name: row.first_name,
        last_name: row.last_name,
        block_time: Some(timestamp(row.created_at)),
    });
    Ok(ListBlockedUsersResponse { users: users.collect(), next_page_token })
}
