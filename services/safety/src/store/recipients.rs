//! Whom alerts reached, and what they answered (S6, S13, S14).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{AlertId, GroupId, UserId},
};
use sqlx::PgConnection;

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
