//! Timed work that is the same for all services (X7): what has served its time goes. Idempotent, in small bites, safe on
//! any number of replicas.

use std::time::Duration;

use tokio::sync::watch;

use crate::{db::Db, error::Result};

const EVERY: Duration = Duration::from_secs(600);
/// Rows deleted at once, so that no lock is held for long; the limit in the statements below.
const BITE: u64 = 5000;

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

/// Deletes idempotency keys (X1) and outbox rows without a claim (X8) that are older than 48 hours, until none is left.
pub async fn sweep(db: &Db) -> Result<()> {
    loop {
        let mut lease = db.lease().await?;
        let keys = sqlx::query!(
            "delete from idempotency where (caller_id, method, request_id) in (
                 select caller_id, method, request_id from idempotency
                 where created_at < crewup.now() - interval '48 hours' limit 5000 for update skip locked)"
        )
        .execute(&mut *lease)
        .await?;
        let told = sqlx::query!(
            "delete from outbox where id in (
                 select o.id from outbox o
                 where o.created_at < crewup.now() - interval '48 hours'
                   and not exists (select from outbox_claims c where c.outbox_id = o.id)
                 limit 5000)"
        )
        .execute(&mut *lease)
        .await?;
        lease.back();
        if keys.rows_affected() < BITE && told.rows_affected() < BITE {
            return Ok(());
        }
    }
}
