//! Whom alerts reached, and what they answered (S6, S13, S14).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{AlertId, GroupId, UserId},
    live::Revision,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::Answer;

/// Keeps a recipient's answer; the escalation stops where somebody helps (S7). The alert is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn answer(
    db: &mut PgConnection,
    alert: AlertId,
    user: UserId,
    answer: Answer,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with batch as (
             update alert_batches
             set revision = revision + 1, next_level_at = case when not $4 then next_level_at end
             where id = $1
         )
         insert into alert_recipients (batch_id, user_id, published_at, answer, answered_at)
         values ($1, $2, $5, $3, $5)
         on conflict (batch_id, user_id) do update set answer = excluded.answer, answered_at = excluded.answered_at",
        alert.0,
        user.0,
        answer.name(),
        answer.stops_escalation(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The open alerts that reach a crew, in id order.
#[tracing::instrument(skip_all)]
pub(crate) async fn open_alerts_of(db: &mut PgConnection, group: GroupId) -> Result<Vec<AlertId>> {
    let alerts = sqlx::query_scalar!(
        r#"select b.id as "id: AlertId"
           from alert_batches b
           join safety_alerts a on a.batch_id = b.id
           where a.group_id = $1 and b.state = 'active'
           order by b.id"#,
        group.0,
    )
    .fetch_all(db)
    .await?;
    Ok(alerts)
}

/// Publishes an open alert to recipients who were not told of it yet, and lets those who watch it know that they changed.
#[tracing::instrument(skip_all)]
pub(crate) async fn publish_to_new(db: &mut PgConnection, alert: AlertId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with batch as (
             update alert_batches set revision = revision + 1 where id = $1 and state = 'active' returning id
         )
         insert into alert_recipients (batch_id, user_id, published_at)
         select batch.id, r.user_id, $2 from batch, crewup.recipients_of($1) r
         on conflict (batch_id, user_id) do nothing",
        alert.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The open alerts that a person watches, with their revisions: the own one, and unless `own_only`, those that reach the
/// person. No span: WatchAlerts asks at each wake-up.
pub(crate) async fn watched(db: &mut PgConnection, user: UserId, own_only: bool) -> Result<Vec<Revision>> {
    let alerts = sqlx::query_as!(
        Revision,
        "select b.id, b.revision
         from alert_batches b
         where b.state = 'active' and (
             b.user_id = $1
             or (
                 not $2
                 and b.id in (
                     select r.batch_id from alert_recipients r where r.user_id = $1
                     union
                     select s.batch_id from api_group_members m join safety_alerts s on s.group_id = m.group_id
                     where m.user_id = $1
                 )
                 and exists (select from crewup.recipients_of(b.id) p where p.user_id = $1)
             )
         )
         order by b.created_at, b.id",
        user.0,
        own_only,
    )
    .fetch_all(db)
    .await?;
    Ok(alerts)
}

/// The senders of some alerts, and whom they reach.
pub(crate) async fn audience(db: &mut PgConnection, alerts: &[Uuid]) -> Result<Vec<Uuid>> {
    let people = sqlx::query_scalar!(
        r#"select b.user_id as "user_id!" from alert_batches b where b.id = any($1)
           union
           select p.user_id
           from alert_batches b
           cross join lateral crewup.recipients_of(b.id) p
           where b.id = any($1) and b.state = 'active'"#,
        alerts,
    )
    .fetch_all(db)
    .await?;
    Ok(people)
}

/// Keeps that streams sent alerts to some of their recipients (S13). Answers, for each of whom that was not known, the alert and
/// when it was published to them.
#[tracing::instrument(skip_all)]
pub(crate) async fn delivered(
    db: &mut PgConnection,
    sent: &[(AlertId, UserId)],
    now: DateTime<Utc>,
) -> Result<Vec<(AlertId, DateTime<Utc>)>> {
    let (alerts, users): (Vec<_>, Vec<_>) = sent.iter().map(|(alert, user)| (alert.0, user.0)).unzip();
    // The alerts first, as every change of one does.
    sqlx::query!("select b.id from alert_batches b where b.id = any($1) order by b.id for no key update", &alerts)
        .fetch_all(&mut *db)
        .await?;
    let marked = sqlx::query!(
        r#"with marked as (
             update alert_recipients r set delivered_at = $3
             from unnest($1::uuid[], $2::uuid[]) d (batch_id, user_id)
             where r.batch_id = d.batch_id and r.user_id = d.user_id and r.delivered_at is null
             returning r.batch_id, r.published_at
         ), changed as (
             update alert_batches set revision = revision + 1 where id in (select batch_id from marked)
         )
         select batch_id as "id: AlertId", published_at from marked"#,
        &alerts,
        &users,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(marked.into_iter().map(|row| (row.id, row.published_at)).collect())
}
