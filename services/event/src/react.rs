//! What the event service does when it is told that a person's standing changed (M5, U6, U8, X8): it reads the present
//! standing and makes the events follow. Done twice, or late, it does no harm.

use chrono::{DateTime, Utc};
use crewup_proto::call::Standing;
use crewup_shared::{
    app::Tx,
    error::{ErrorReason, Result},
    id::UserId,
    outbox::{Claim, Topic},
};
use futures_util::future::BoxFuture;

use crate::{
    attendance, events,
    store::{self, events::Hold},
};

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
        None | Some(Standing::Active | Standing::Unspecified) => Ok(()),
        Some(Standing::Deactivated) => withdraw(tx, user, None, false).await,
        Some(Standing::Erased) => withdraw(tx, user, None, true).await,
        Some(Standing::Banned) => match store::attendees::banned_until(tx.db(), user).await? {
            Some(until) => withdraw(tx, user, until, true).await,
            None => Ok(()),
        },
    }
}

/// Frees the person's seats and places in waitlists of events that are not over and start before `until`; cancels their
/// own that have not started, if `cancels`. Event by event in id order (X6), each read again under its lock.
async fn withdraw(tx: &mut Tx, user: UserId, until: Option<DateTime<Utc>>, cancels: bool) -> Result<()> {
    for id in store::attendees::concerned(tx.db(), user, until).await? {
        let hold = if cancels { Hold::End } else { Hold::Change };
        let event = match store::events::held(tx.db(), user, true, id, hold).await {
            Ok(event) => event,
            // Deleted meanwhile.
            Err(error) if error.reason() == ErrorReason::NotFound => continue,
            Err(error) => return Err(error),
        };
        if event.is_over() || event.is_cancelled {
            continue;
        }
        attendance::leave(tx, &event, user).await?;
        if cancels && event.creator_id == user && !event.has_started() {
            events::cancel_now(tx, id).await?;
        }
    }
    Ok(())
}
