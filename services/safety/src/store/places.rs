//! Where senders are: written, and wiped (S8, U8).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{AlertId, UserId},
};
use sqlx::PgConnection;

use crate::model::SentPlace;

/// Keeps the place, unless one that was recorded later is held: a late call cannot put the sender back.
#[tracing::instrument(skip_all)]
pub(crate) async fn set(db: &mut PgConnection, id: AlertId, place: &SentPlace) -> Result<()> {
    sqlx::query!(
        "insert into alert_places (batch_id, latitude, longitude, accuracy_meters, recorded_at)
         values ($1, $2, $3, $4, $5)
         on conflict (batch_id) do update
         set latitude = excluded.latitude, longitude = excluded.longitude, accuracy_meters = excluded.accuracy_meters,
             recorded_at = excluded.recorded_at
         where alert_places.recorded_at <= excluded.recorded_at",
        id.0,
        place.place.latitude,
        place.place.longitude,
        place.accuracy,
        place.recorded_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

#[tracing::instrument(skip_all)]
pub(crate) async fn wipe(db: &mut PgConnection, id: AlertId) -> Result<()> {
    sqlx::query!("delete from alert_places where batch_id = $1", id.0).execute(db).await?;
    Ok(())
}

/// Wipes every place of a person (U8).
#[tracing::instrument(skip_all)]
pub(crate) async fn wipe_of(db: &mut PgConnection, user: UserId) -> Result<()> {
    sqlx::query!(
        "delete from alert_places where batch_id in (select b.id from alert_batches b where b.user_id = $1)",
        user.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Wipes some places of alerts that closed 30 days ago. False: there is none.
#[tracing::instrument(skip_all)]
pub(crate) async fn wipe_old(db: &mut PgConnection, now: DateTime<Utc>) -> Result<bool> {
    let gone = sqlx::query!(
        "delete from alert_places where batch_id in (
             select p.batch_id
             from alert_places p
             join alert_batches b on b.id = p.batch_id
             where b.closed_at <= $1::timestamptz - interval '30 days'
             limit 1000
             for update of p skip locked)",
        now,
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected() > 0)
}
