//! The checks that need a row. Whether the caller sees an event at all is decided by the query that loads it.

use crewup_shared::{
    app::Caller,
    auth::Role,
    error::{ErrorReason, Result},
};

use crate::model::Event;

/// The creator only.
pub(crate) fn own(event: &Event, caller: &Caller) -> Result<()> {
    if event.creator_id == caller.id { Ok(()) } else { Err(ErrorReason::NotOwner.into()) }
}

/// The creator, or a moderator.
pub(crate) fn own_or_moderator(event: &Event, caller: &Caller) -> Result<()> {
    if is_moderator(caller) { Ok(()) } else { own(event, caller) }
}

/// By the roles in the token (M1).
pub(crate) fn is_moderator(caller: &Caller) -> bool {
    caller.role >= Role::Moderator
}
