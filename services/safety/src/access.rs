//! The checks that need a row. Whether the caller sees an alert at all is decided by the query that loads it.

use crewup_shared::{
    app::Caller,
    auth::Role,
    error::{ErrorReason, Result},
};

use crate::model::{Alert, Resolver};

/// The sender only.
pub(crate) fn own(alert: &Alert, caller: &Caller) -> Result<()> {
    if alert.user_id == caller.id { Ok(()) } else { Err(ErrorReason::NotOwner.into()) }
}

/// A recipient only (S6): not the sender, not a moderator whom it did not reach.
pub(crate) fn recipient(alert: &Alert) -> Result<()> {
    if alert.my_kind.is_some() { Ok(()) } else { Err(ErrorReason::NotRecipient.into()) }
}

/// In which role the caller may resolve it (S9).
pub(crate) fn resolver(alert: &Alert, caller: &Caller) -> Result<Resolver> {
    if alert.user_id == caller.id {
        Ok(Resolver::Sender)
    } else if alert.i_lead {
        Ok(Resolver::CrewAdmin)
    } else if moderates(caller) {
        Ok(Resolver::Moderator)
    } else {
        Err(ErrorReason::NotCrewAdmin.into())
    }
}

/// By the roles in the token (M1).
pub(crate) fn moderates(caller: &Caller) -> bool {
    caller.role >= Role::Moderator
}
