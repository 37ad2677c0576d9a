//! Who answered.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, UserId},
    live::Revision,
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// One person on the list.
pub(crate) struct Attendee {
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// The order of the list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) UserId);

/// The people of one status, without those hidden from the viewer by a block (U5).
#[tracing::instrument(skip_all)]
pub(crate) async fn list(
    db: &mut PgConnection,
    viewer: UserId,
    event: EventId,
    status: &str,
    page: &Page<Key>,
) -> Result<Vec<Attendee>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Attendee,
        r#"select a.user_id as "user_id: UserId", u.first_name as "first_name!", u.last_name as "last_name!",
                  a.created_at, a.updated_at
           from event_attendees a
           join api_users u on u.id = a.user_id
           where a.event_id = $1 and a.status = $2
             and (a.created_at, a.user_id) > (coalesce($3, '-infinity'::timestamptz), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
             and not exists (select from crewup.blocked_with($5) b where b.user_id = a.user_id)
           order by a.created_at, a.user_id
           limit $6"#,
        event.0,
        status,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        viewer.0,
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Whether `viewer` may know of `other` at all: an active person, not hidden by a block (U5).
#[tracing::instrument(skip_all)]
pub(crate) async fn is_visible(db: &mut PgConnection, viewer: UserId, other: UserId) -> Result<bool> {
    let visible = sqlx::query_scalar!(
        r#"select exists (
               select from api_users u where u.id = $2 and u.state = 'active'
                 and not exists (select from crewup.blocked_with($1) b where b.user_id = u.id)) as "visible!""#,
        viewer.0,
        other.0,
    )
    .fetch_one(db)
    .await?;
    Ok(visible)
}

/// Ends a person's access to a private event, and that of every invitation that was made before (E20).
#[tracing::instrument(skip_all)]
pub(crate) async fn end_access(db: &mut PgConnection, event: EventId, user: UserId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with ended as (
             delete from event_access where event_id = $1 and user_id = $2 returning event_id, user_id
         )
         insert into event_removals (event_id, user_id, removed_at) select event_id, user_id, $3 from ended
         on conflict (event_id, user_id) do update set removed_at = excluded.removed_at",
        event.0,
        user.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The events, not over and not cancelled, in which a person has a seat or waits for one, or which the person made, in id
/// order (X6).
#[tracing::instrument(skip_all)]
pub(crate) async fn concerned(
    db: &mut PgConnection,
    user: UserId,
    starting_before: Option<DateTime<Utc>>,
) -> Result<Vec<EventId>> {
    let events = sqlx::query_scalar!(
        r#"select e.id as "id: EventId"
           from events e
           where e.id in (
               select a.event_id from event_attendees a where a.user_id = $1 and a.status = 'going'
               union
               select w.event_id from event_waitlist w join events u on u.id = w.event_id
               where w.user_id = $1 and u.event_start > crewup.now()
               union
               select o.id from events o where o.creator_id = $1)
             and crewup.effective_end(e.event_start, e.event_end) > crewup.now()
             and e.event_start < coalesce($2, 'infinity'::timestamptz)
             and not e.is_cancelled and e.deleted_at is null
           order by e.id"#,
        user.0,
        starting_before,
    )
    .fetch_all(db)
    .await?;
    Ok(events)
}

/// Until when a person is banned: outer None: not at all; inner None: without an end.
#[tracing::instrument(skip_all)]
pub(crate) async fn banned_until(db: &mut PgConnection, user: UserId) -> Result<Option<Option<DateTime<Utc>>>> {
    let ban =
        sqlx::query_scalar!("select expires_at from api_bans where user_id = $1", user.0).fetch_optional(db).await?;
    Ok(ban)
}

/// The events that a person made, goes to, is interested in or waits for (until it begins, E13), which are not over, with a number that grows
/// whenever what is seen of them changes. No span: see WatchEvents, which asks at each wake-up.
pub(crate) async fn watched(db: &mut PgConnection, user: UserId) -> Result<Vec<Revision>> {
    let events = sqlx::query_as!(
        Revision,
        r#"select e.id as "id!", e.revision + s.revision as "revision!"
           from (
               select a.event_id as id from event_attendees a
               where a.user_id = $1 and a.status in ('going', 'interested')
               union
               select w.event_id from event_waitlist w join events u on u.id = w.event_id
               where w.user_id = $1 and u.event_start > crewup.now()
               union
               select o.id from events o where o.creator_id = $1
           ) m
           join crewup.events_seen_by($1, false) e on e.id = m.id
           join event_seats s on s.event_id = m.id
           where e.effective_end > crewup.now()
           order by e.event_start, e.id"#,
        user.0,
    )
    .fetch_all(db)
    .await?;
    Ok(events)
}
