//! Timed work that is the same for all services: what has served its time goes, in small bites.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{
    app::Tx,
    error::Result,
    schedule::{Job, Step},
};

/// Deletes idempotency keys (X1) and outbox rows without a claim (X8) that are older than 48 hours, and buckets that have long
/// been full.
pub static JOB: Job = Job { name: "housekeeping", every: Duration::from_secs(600), rests: 4, step: sweep };

fn sweep(tx: &mut Tx) -> BoxFuture<'_, Result<Step>> {
    Box::pin(async {
        let now = tx.now;
        let keys = sqlx::query!(
            "delete from idempotency where (caller_id, method, request_id) in (
                 select caller_id, method, request_id from idempotency
                 where created_at < $1::timestamptz - interval '48 hours' limit 5000 for update skip locked)",
            now,
        )
        .execute(tx.db())
        .await?;
        let told = sqlx::query!(
            "delete from outbox where id in (
                 select o.id from outbox o
                 where o.created_at < $1::timestamptz - interval '48 hours'
                   and not exists (select from outbox_claims c where c.outbox_id = o.id)
                 limit 5000)",
            now,
        )
        .execute(tx.db())
        .await?;
        let full = sqlx::query!(
            "delete from quotas where (service, caller_hash, kind) in (
                 select service, caller_hash, kind from quotas
                 where filled_at < $1::timestamptz - interval '1 hour' limit 5000 for update skip locked)",
            now,
        )
        .execute(tx.db())
        .await?;
        let gone = keys.rows_affected() + told.rows_affected() + full.rows_affected();
        Ok(if gone == 0 { Step::Idle } else { Step::Done(now) })
    })
}
