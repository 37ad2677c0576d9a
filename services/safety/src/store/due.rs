//! What is due: claimed one by one with SKIP LOCKED (S3, S7, X7).

use chrono::{DateTime, Utc};
use crewup_shared::{error::Result, id::AlertId};
use sqlx::PgConnection;

use crate::model::Level;

/// An alert whose next level is due.
pub(crate) struct DueLevel {
    pub(crate) id: AlertId,
    pub(crate) level: i32,
    pub(crate) raised_at: DateTime<Utc>,
    pub(crate) at: DateTime<Utc>,
}

/// The alert that waits longest for its next level, locked.
#[tracing::instrument(skip_all)]
pub(crate) async fn escalation(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Option<DueLevel>> {
    let due = sqlx::query_as!(
        DueLevel,
        r#"select b.id as "id: AlertId", b.level, b.raised_at, b.next_level_at as "at!"
           from alert_batches b
           where b.next_level_at <= $1
           order by b.next_level_at
           limit 1
           for no key update skip locked"#,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(due)
}

/// Raises a claimed alert to its next level. Publishing it is a statement of its own, which sees whom the level reaches.
#[tracing::instrument(skip_all)]
pub(crate) async fn escalate(db: &mut PgConnection, id: AlertId, to: &Level, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update alert_batches
         set level = $2, next_level_at = $3, reached_hosts = reached_hosts or $4, publish_count = publish_count + 1,
             revision = revision + 1
         where id = $1",
        id.0,
        to.level,
        to.next_at,
        to.reaches_hosts,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into alert_recipients (batch_id, user_id, published_at)
         select $1, r.user_id, $2 from crewup.recipients_of($1) r
         on conflict (batch_id, user_id) do update set published_at = excluded.published_at",
        id.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An alert that may have served its time.
pub(crate) struct DueEnd {
    pub(crate) id: AlertId,
    pub(crate) at: DateTime<Utc>,
}

/// The open alert that should have closed first, locked.
#[tracing::instrument(skip_all)]
pub(crate) async fn expiry(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Option<DueEnd>> {
    let due = sqlx::query_as!(
        DueEnd,
        r#"select b.id as "id: AlertId", b.expires_at as at
           from alert_batches b
           where b.state = 'active' and b.expires_at <= $1
           order by b.expires_at
           limit 1
           for no key update skip locked"#,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(due)
}

/// Closes a claimed alert, or puts its end off to 12 hours after the last window that its events have now. True: it closed.
#[tracing::instrument(skip_all)]
pub(crate) async fn expire(db: &mut PgConnection, id: AlertId, now: DateTime<Utc>) -> Result<bool> {
    let closed = sqlx::query_scalar!(
        r#"update alert_batches b
           set state = case when w.until <= $2 then 'expired' else b.state end,
               closed_at = case when w.until <= $2 then $2 end,
               next_level_at = case when w.until > $2 then b.next_level_at end,
               expires_at = w.until,
               revision = b.revision + 1
           from (
               select greatest(max(o.expires_at), max(e.effective_end) + interval '14 hours') as until
               from alert_batches o
               join safety_alerts a on a.batch_id = o.id
               join api_groups g on g.id = a.group_id
               left join api_events e on e.id = g.event_id
               where o.id = $1
           ) w
           where b.id = $1
           returning b.state = 'expired' as "closed!""#,
        id.0,
        now,
    )
    .fetch_one(db)
    .await?;
    Ok(closed)
}
