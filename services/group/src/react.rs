//! What the group service does when it is told that an RSVP was withdrawn (G9) or that a person's standing changed (M5, U6,
//! U8): it enters the person, reads how things are now, and makes the crews follow. Done twice, or late, it does no harm.

use chrono::{DateTime, Utc};
use crewup_proto::call::Standing;
use crewup_shared::{
    app::Tx,
    error::{Error, ErrorReason, Result},
    id::{EventId, UserId},
    outbox::{Claim, Topic},
};
use futures_util::future::BoxFuture;

use crate::{
    departures,
    model::Cause,
    store::{self, crews::Hold},
};

/// The service's reactions.
pub(crate) fn react(tx: &mut Tx, claim: Claim) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        match claim.topic {
            Topic::AttendanceLeft => {
                let user = claim.subject.ok_or_else(|| Error::internal("an RSVP of nobody"))?;
                attendance_left(tx, EventId(claim.key), UserId(user)).await
            }
            Topic::UserStanding => user_standing(tx, UserId(claim.key)).await,
            Topic::AttendanceChanged
            | Topic::EventChanged
            | Topic::EventEdited
            | Topic::CrewMembers
            | Topic::AlertChanged => Ok(()),
        }
    })
}

async fn attendance_left(tx: &mut Tx, event: EventId, user: UserId) -> Result<()> {
    tx.enter_person(user).await?;
    let Some(standing) = tx.standing(user) else { return Ok(()) };
    if store::events::is_going(tx.db(), user, event).await? {
        return Ok(());
    }
    leave(tx, user, Some(event), None, Cause::of_standing(standing)).await
}

async fn user_standing(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.enter_person(user).await?;
    let standing = tx.standing(user);
    let until = match standing {
        None | Some(Standing::Active | Standing::Unspecified) => return Ok(()),
        Some(Standing::Deactivated | Standing::Erased) => None,
        Some(Standing::Banned) => match store::people::banned_until(tx.db(), user).await? {
            Some(until) => until,
            None => return Ok(()),
        },
    };
    leave(tx, user, None, until, Cause::of_standing(standing.unwrap_or_default())).await?;
    if standing == Some(Standing::Erased) {
        let now = tx.now;
        store::requests::erase(tx.db(), user, now).await?;
    }
    Ok(())
}

/// Takes a person out of the crews of one event, or of all events that start before `until`. Crew by crew in id order
/// (X6), each read again under its lock.
async fn leave(
    tx: &mut Tx,
    user: UserId,
    event: Option<EventId>,
    until: Option<DateTime<Utc>>,
    cause: Cause,
) -> Result<()> {
    for id in store::people::crews(tx.db(), user, event, until).await? {
        match store::crews::held(tx.db(), user, true, id, Hold::Change).await {
            Ok(crew) => departures::depart(tx, &crew, user, cause).await?,
            // Its event was deleted meanwhile.
            Err(error) if error.reason() == ErrorReason::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
