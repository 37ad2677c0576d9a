//! What the moderation service does when it is told that a person's standing changed: what an erased person wrote goes (U8).
//! Bans and the log stay. Done twice, or late, it does no harm.

use crewup_proto::call::Standing;
use crewup_shared::{
    app::Tx,
    error::Result,
    id::UserId,
    outbox::{Claim, Topic},
};
use futures_util::future::BoxFuture;

use crate::store;

/// The service's reactions.
pub(crate) fn react(tx: &mut Tx, claim: Claim) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        match claim.topic {
            Topic::UserStanding => user_standing(tx, UserId(claim.key)).await,
            Topic::AttendanceLeft
            | Topic::AttendanceChanged
            | Topic::EventChanged
            | Topic::EventEdited
            | Topic::CrewMembers
            | Topic::AlertChanged => Ok(()),
        }
    })
}

async fn user_standing(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.enter_person(user).await?;
    match tx.standing(user) {
        Some(Standing::Erased) => {
            store::appeals::wipe(tx.db(), user).await?;
            store::reports::wipe(tx.db(), user).await
        }
        None | Some(Standing::Active | Standing::Unspecified | Standing::Deactivated | Standing::Banned) => Ok(()),
    }
}
