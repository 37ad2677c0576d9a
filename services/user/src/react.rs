//! What the user service does when it is told that a person's standing changed: it says so outside of the database, where a
//! restore does not reach it (ADR 22). Said twice, or late, it does no harm.

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
        None | Some(Standing::Unspecified) => {}
        Some(Standing::Active | Standing::Deactivated | Standing::Banned | Standing::Erased) => {
            store::people::standing_line(tx.db(), user).await?.say();
        }
    }
    Ok(())
}
