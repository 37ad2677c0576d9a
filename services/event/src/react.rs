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

use crate::{attendance, events, store};

/// The service's reactions.
pub(crate) fn react(tx: &mut Tx, claim: Claim) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        match claim.topic {
            Topic::UserStanding => user_standing(tx, UserId(claim.key)).await,
            Topic::AttendanceLeft | Topic::EventChanged => Ok(()),
        }
    })
}

async fn user_standing(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.enter_person(user).await?;
    match tx.standing(user) {
        None | Some(Standing::Active | Standing::Unspecified) => Ok(()),
        Some(Standing::Deactivated) => free_seats(tx, user, None).await,
        Some(Standing::Erased) => {
            free_seats(tx, user, None).await?;
            cancel_events(tx, user, None).await
        }
        Some(Standing::Banned) => {
            let Some(until) = store::attendees::banned_until(tx.db(), user).await? else { return Ok(()) };
            free_seats(tx, user, until).await?;
            cancel_events(tx, user, until).await
        }
    }
}

/// Frees the person's seats and places in waitlists of events that are not over and start before `until`.
async fn free_seats(tx: &mut Tx, user: UserId, until: Option<DateTime<Utc>>) -> Result<()> {
    for id in store::attendees::held_by(tx.db(), user, until).await? {
        store::events::lock(tx.db(), id).await?;
        let event = store::events::load(tx.db(), user, true, id).await?;
        if !event.is_over() && !event.is_cancelled {
            attendance::leave(tx, &event, user).await?;
        }
    }
    Ok(())
}

/// Cancels the person's own events that have not started and start before `until`.
async fn cancel_events(tx: &mut Tx, user: UserId, until: Option<DateTime<Utc>>) -> Result<()> {
    for id in store::attendees::hosted_by(tx.db(), user, until).await? {
        store::events::lock(tx.db(), id).await?;
        match store::events::load(tx.db(), user, true, id).await {
            Ok(event) if event.is_cancelled || event.has_started() => {}
            Ok(_) => events::cancel_now(tx, id).await?,
            Err(error) if error.reason() == ErrorReason::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
