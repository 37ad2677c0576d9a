//! The checks that need a row. Whether the caller sees a person at all is decided by the query that loads them.

use crewup_shared::{
    app::Caller,
    auth::Role,
    error::{ErrorReason, Result},
};

use crate::model::Rating;

/// The author, or a moderator. Ratings are public: whose is another's is refused, not hidden, unless the one who
/// rated or the one who was rated is hidden.
pub(crate) fn author_or_moderator(rating: &Rating, caller: &Caller) -> Result<()> {
    if rating.rater_user_id == caller.id || is_moderator(caller) {
        return Ok(());
    }
    Err(if rating.is_seen { ErrorReason::NotOwner } else { ErrorReason::NotFound }.into())
}

/// By the roles in the token (M1).
pub(crate) fn is_moderator(caller: &Caller) -> bool {
    caller.role >= Role::Moderator
}
