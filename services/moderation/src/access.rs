//! Who may act on whom (M1). Whether the caller is a moderator at all was decided at the door, by the verified token.

use crewup_shared::{
    app::Caller,
    auth::Role,
    error::{Error, ErrorReason, Result},
    id::UserId,
};
use sqlx::PgConnection;

use crate::store;

/// Not oneself, nor what is one's own. `field` is what names the target in the request.
pub(crate) fn not_oneself(caller: &Caller, target: UserId, field: &str) -> Result<()> {
    if target == caller.id {
        return Err(Error::field(ErrorReason::SelfNotAllowed, field, "is the caller's own"));
    }
    Ok(())
}

/// Only on a lower rank. The target's is the highest role last seen, and holds still: the target is entered, as is whoever
/// takes over a token's roles.
pub(crate) async fn outranks(db: &mut PgConnection, caller: &Caller, target: UserId) -> Result<()> {
    let roles = store::people::roles(db, target).await?;
    let rank = roles.iter().map(|role| rank(role)).max().unwrap_or(Role::Person);
    if caller.role > rank { Ok(()) } else { Err(ErrorReason::RankTooLow.into()) }
}

/// A role that this release does not know ranks highest: nobody is banned for it by mistake.
fn rank(role: &str) -> Role {
    match role {
        "moderator" => Role::Moderator,
        _ => Role::Admin,
    }
}
