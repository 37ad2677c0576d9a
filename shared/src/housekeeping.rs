//! Timed work that is the same for all services (X7): what has served its time goes. Idempotent, in small bites, safe on
//! any number of replicas.

use std::time::Duration;

use tokio::sync::watch;

use crate::{db::Db, error::Result};

const EVERY: Duration = Duration::from_secs(600);

/// Looks every ten minutes until `stop` says so.
pub(crate) async fn work(db: Db, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = sweep(&db).await {
            tracing::warn!(%error, "housekeeping failed; it is tried again");
        }
        let jitter = Duration::from_secs(rand::random_range(0..60));
        tokio::select! {
            () = tokio::time::sleep(EVERY + jitter) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Deletes idempotency keys (X1) and outbox rows without a claim (X8) that are older than 48 hours.
pub async fn sweep(db: &Db) -> Result<()> {
    let mut lease = db.lease().await?;
    sqlx::query!(
        "delete from idempotency where (caller_id, method, request_id) in (
             select caller_id, method, request_id from idempotency
             where created_at < crewup.now() - interval '48 hours' limit 5000 for update skip locked)"
    )
    .execute(&mut *lease)
    .await?;
    sqlx::query!(
        "delete from outbox where id in (
             select o.id from outbox o
             where o.created_at < crewup.now() - interval '48 hours'
               and not exists (select from outbox_claims c where c.outbox_id = o.id)
             limit 5000)"
    )
    .execute(&mut *lease)
    .await?;
    lease.back();
    Ok(())
}
