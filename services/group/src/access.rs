//! The checks that need a row. Whether the caller sees a crew at all is decided by the query that loads it.

use crewup_shared::{
    app::Caller,
    auth::Role,
    error::{ErrorReason, Result},
    id::UserId,
};

use crate::model::{Crew, JoinRequest};

/// A member only (G3). An archived crew has none, banned or not.
pub(crate) fn member(crew: &Crew) -> Result<()> {
    if crew.i_am_member() { Ok(()) } else { Err(why_not_member(crew).into()) }
}

/// What is said to who is no member.
pub(crate) fn why_not_member(crew: &Crew) -> ErrorReason {
    let banned = crew.my_ban_at.is_some() && !crew.is_archived();
    if banned { ErrorReason::CrewBanned } else { ErrorReason::NotMember }
}

/// An admin only.
pub(crate) fn admin(crew: &Crew) -> Result<()> {
    if crew.my_is_admin { Ok(()) } else { Err(ErrorReason::NotCrewAdmin.into()) }
}

/// Who asked, and the admins of the crew that was asked. To everyone else a request is as one that does not exist.
pub(crate) fn sees_request(crew: &Crew, request: &JoinRequest, caller: UserId) -> Result<()> {
    if request.user_id == caller || crew.my_is_admin { Ok(()) } else { Err(ErrorReason::NotFound.into()) }
}

/// An admin, or a moderator.
pub(crate) fn admin_or_moderator(crew: &Crew, caller: &Caller) -> Result<()> {
    if is_moderator(caller) { Ok(()) } else { admin(crew) }
}

/// By the roles in the token (M1).
pub(crate) fn is_moderator(caller: &Caller) -> bool {
    caller.role >= Role::Moderator
}
