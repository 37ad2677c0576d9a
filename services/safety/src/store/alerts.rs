//! Reading and writing one alert.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::{ErrorReason, Result},
    id::{AlertId, UserId},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    model::{Alert, Edit, Resolver},
    store::{places, seen},
};

/// The alert as `viewer` sees it. NOT_FOUND: there is none, or it is hidden (S6, S12, S14).
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, viewer: UserId, moderates: bool, id: AlertId) -> Result<Alert> {
    let alert = seen!("crewup.alerts_seen_by($1, $2)", "where a.id = $3", viewer.0, moderates, id.0);
    alert.fetch_optional(db).await?.ok_or_else(|| ErrorReason::NotFound.into())
}

/// Those of `alerts` that the viewer sees. No span: WatchAlerts asks at each wake-up.
pub(crate) async fn batch(
    db: &mut PgConnection,
    viewer: UserId,
    moderates: bool,
    alerts: &[Uuid],
) -> Result<Vec<Alert>> {
    let alerts = seen!("crewup.alerts_seen_by($1, $2)", "where a.id = any($3)", viewer.0, moderates, alerts);
    Ok(alerts.fetch_all(db).await?)
}

/// As [`get`], under the lock that orders all changes of an alert.
#[tracing::instrument(skip_all)]
pub(crate) async fn held(db: &mut PgConnection, viewer: UserId, moderates: bool, id: AlertId) -> Result<Alert> {
    let alert = seen!("crewup.alert_held($1, $2, $3)", "", viewer.0, moderates, id.0);
    alert.fetch_optional(db).await?.ok_or_else(|| ErrorReason::NotFound.into())
}

/// Writes a change by the sender (S3, S8). The alert is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn update(db: &mut PgConnection, id: AlertId, edit: &Edit, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with batch as (
             update alert_batches set revision = revision + 1, updated_at = $5 where id = $1
         )
         update safety_alerts
         set alert_type = coalesce($2, alert_type), message = case when $3 then $4 else message end
         where batch_id = $1",
        id.0,
        edit.kind.as_deref(),
        edit.message.is_some(),
        edit.message.as_ref().and_then(Option::as_deref),
        now,
    )
    .execute(&mut *db)
    .await?;
    match &edit.place {
        None => Ok(()),
        Some(None) => places::wipe(db, id).await,
        Some(Some(place)) => places::set(db, id, place).await,
    }
}

/// Closes an alert for all its crews (S9). The alert is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn resolve(
    db: &mut PgConnection,
    id: AlertId,
    by: UserId,
    resolver: Resolver,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with batch as (
             update alert_batches
             set state = 'resolved', next_level_at = null, closed_at = $5, resolved_by = $2, resolved_as = $3, reason = $4,
                 revision = revision + 1
             where id = $1
         )
         update safety_alerts set resolved_at = $5, resolved_by_user_id = $2 where batch_id = $1",
        id.0,
        by.0,
        resolver.name(),
        reason,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
