//! Reading and writing one event.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::{ErrorReason, Result},
    id::{EventId, UserId},
};
use sqlx::PgConnection;

use crate::{
    model::{Draft, Event},
    store::seen,
};

/// The event as `viewer` sees it. NOT_FOUND: there is none, or it is hidden (E20).
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, viewer: UserId, event: EventId) -> Result<Event> {
    load(db, viewer, false, event).await
}

/// As [`get`]; `all_private` opens private events to a moderator.
pub(crate) async fn load(db: &mut PgConnection, viewer: UserId, all_private: bool, event: EventId) -> Result<Event> {
    let event = seen!(viewer, all_private, "where e.id = $3", event.0).fetch_optional(db).await?;
    event.ok_or_else(|| ErrorReason::NotFound.into())
}

/// Those of `events` that the viewer sees, in no order.
#[tracing::instrument(skip_all)]
pub(crate) async fn batch(db: &mut PgConnection, viewer: UserId, events: &[EventId]) -> Result<Vec<Event>> {
    let ids: Vec<_> = events.iter().map(|event| event.0).collect();
    Ok(seen!(viewer, false, "where e.id = any($3)", &ids).fetch_all(db).await?)
}

/// What a write does with the event that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Changes it or its seats.
    Change,
    /// Cancels or deletes it: no crew may be holding it still (E16).
    End,
}

/// As [`load`], under the lock that orders all changes of an event and its seats (E8).
#[tracing::instrument(skip_all)]
pub(crate) async fn held(
    db: &mut PgConnection,
    viewer: UserId,
    all_private: bool,
    event: EventId,
    hold: Hold,
) -> Result<Event> {
    let event = seen!(
        from "crewup.event_held($1, $2, $3, $4)",
        viewer,
        all_private,
        "",
        event.0,
        hold == Hold::End,
    );
    event.fetch_optional(db).await?.ok_or_else(|| ErrorReason::NotFound.into())
}

/// Of each of `pairs` the event as that person sees it; what is absent or hidden is left out.
#[tracing::instrument(skip_all)]
pub(crate) async fn seen_by_each(
    db: &mut PgConnection,
    pairs: &[(UserId, EventId)],
) -> Result<HashMap<(UserId, EventId), Event>> {
    if let [(viewer, event)] = *pairs {
        let seen = seen!(viewer, false, "where e.id = $3", event.0).fetch_optional(db).await?;
        return Ok(seen.map(|seen| ((viewer, event), seen)).into_iter().collect());
    }
    let (viewers, events): (Vec<_>, Vec<_>) = pairs.iter().map(|(viewer, event)| (viewer.0, event.0)).unzip();
    let seen = seen!(each & viewers, &events).fetch_all(db).await?;
    Ok(seen.into_iter().map(|(viewer, event)| ((viewer, event.id), event)).collect())
}

/// Makes an event with its seats; the creator holds the first (E19).
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    event: EventId,
    creator: UserId,
    draft: &Draft,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with made as (
             insert into events (id, creator_id, name, description, event_type, address, latitude, longitude,
                 event_start, event_end, time_zone, max_attendees, waitlist_enabled, is_public, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
             returning id
         ), seats as (
             insert into event_seats (event_id, capacity, going) select id, $12, 1 from made returning event_id
         )
         insert into event_attendees (event_id, user_id, status, created_at, updated_at)
         select event_id, $2, 'going', $15, $15 from seats",
        event.0,
        creator.0,
        draft.name,
        draft.description,
        draft.event_type,
        draft.address,
        draft.place.map(|place| place.latitude),
        draft.place.map(|place| place.longitude),
        draft.event_start,
        draft.event_end,
        draft.time_zone,
        draft.max_attendees,
        draft.waitlist_enabled,
        draft.is_public,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes an edit. The event's seats are locked.
#[tracing::instrument(skip_all)]
pub(crate) async fn update(db: &mut PgConnection, event: &Event, draft: &Draft) -> Result<()> {
    sqlx::query!(
        "with edited as (
             update events
             set name = $2, description = $3, event_type = $4, address = $5, latitude = $6, longitude = $7,
                 event_start = $8, event_end = $9, time_zone = $10, max_attendees = $11, waitlist_enabled = $12,
                 is_public = $13, revision = revision + 1
             where id = $1
         )
         update event_seats set capacity = $14 where event_id = $1",
        event.id.0,
        draft.name,
        draft.description,
        draft.event_type,
        draft.address,
        draft.place.map(|place| place.latitude),
        draft.place.map(|place| place.longitude),
        draft.event_start,
        draft.event_end,
        draft.time_zone,
        draft.max_attendees,
        draft.waitlist_enabled,
        draft.is_public,
        event.capacity_after(draft),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Cancels (E16): the waitlist is void.
#[tracing::instrument(skip_all)]
pub(crate) async fn cancel(db: &mut PgConnection, event: EventId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with cancelled as (
             update events set is_cancelled = true, cancelled_at = $2, revision = revision + 1 where id = $1
         ), void as (
             delete from event_waitlist where event_id = $1
         )
         update event_seats set waiting = 0 where event_id = $1",
        event.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Hides for good (E16).
#[tracing::instrument(skip_all)]
pub(crate) async fn delete(db: &mut PgConnection, event: EventId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update events set deleted_at = $2, revision = revision + 1 where id = $1", event.0, now)
        .execute(db)
        .await?;
    Ok(())
}

/// Gives access to whoever is going, interested or waiting, when a public event becomes private (E20).
#[tracing::instrument(skip_all)]
pub(crate) async fn keep_access(db: &mut PgConnection, event: EventId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into event_access (event_id, user_id, created_at)
         select g.event_id, g.user_id, $2
         from (
             select a.event_id, a.user_id from event_attendees a where a.event_id = $1 and a.status <> 'not_going'
             union
             select w.event_id, w.user_id from event_waitlist w where w.event_id = $1
         ) g
         on conflict do nothing",
        event.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
