//! What the user service does when it is told that a person's standing changed: it says so outside of the database, where a
//! restore does not reach it (ADR 22), and orders what the account is to be at the identity provider (ADR 23). Done twice, or
//! late, it does no harm.

use crewup_shared::{
    app::Tx,
    error::Result,
    id::UserId,
    outbox::{Claim, Topic},
};
use futures_util::future::BoxFuture;

use crate::{orders, store};

/// The service's reactions.
pub(crate) fn react(tx: &mut Tx, claim: Claim) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        match claim.topic {
            Topic::UserStanding => {
                orders::settle(tx, UserId(claim.key)).await?;
                if let Some(line) = store::people::standing_line(tx.db(), UserId(claim.key)).await? {
                    line.say();
                }
                Ok(())
            }
            Topic::AttendanceLeft
            | Topic::AttendanceChanged
            | Topic::EventChanged
            | Topic::EventEdited
            | Topic::CrewMembers
            | Topic::AlertChanged => Ok(()),
        }
    })
}
