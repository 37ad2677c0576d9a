//! Figures of a state rather than of calls, for dashboards and alerts (X8): what waits in the outbox, how late it is, what
//! was put aside, and how busy the pool is.

use std::time::Duration;

use opentelemetry::{KeyValue, global};
use tokio::sync::watch;

use crate::{db::Db, error::Result};

const EVERY: Duration = Duration::from_secs(5);

/// The outbox of one consumer.
#[derive(Debug, PartialEq)]
pub struct Backlog {
    /// Claims that wait for their reaction.
    pub waiting: i64,
    /// Seconds since the oldest of them was told.
    pub lag_seconds: f64,
    /// Claims put aside after ten failures: an alert.
    pub parked: i64,
}

/// Records until `stop` says so.
pub(crate) async fn work(db: Db, consumer: &'static str, mut stop: watch::Receiver<bool>) {
    let meter = global::meter("crewup");
    let waiting = meter.i64_gauge("crewup.outbox.waiting").with_description("Claims that wait for a reaction").build();
    let lag = meter.f64_gauge("crewup.outbox.lag").with_unit("s").with_description("Age of the oldest claim").build();
    let parked =
        meter.i64_gauge("crewup.outbox.parked").with_description("Claims put aside after ten failures").build();
    let used = meter.u64_gauge("crewup.db.connections.used").with_description("Connections in use").build();
    let queued = meter.u64_gauge("crewup.db.connections.awaited").with_description("Calls waiting for one").build();
    let labels = [KeyValue::new("consumer", consumer)];
    while !*stop.borrow() {
        let (in_use, _, awaited) = db.usage();
        used.record(in_use as u64, &[]);
        queued.record(awaited as u64, &[]);
        match backlog(&db, consumer).await {
            Ok(backlog) => {
                waiting.record(backlog.waiting, &labels);
                lag.record(backlog.lag_seconds, &labels);
                parked.record(backlog.parked, &labels);
            }
            Err(error) => tracing::debug!(%error, "the outbox could not be measured"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// What a consumer has before it.
pub async fn backlog(db: &Db, consumer: &str) -> Result<Backlog> {
    let mut lease = db.lease().await?;
    let row = sqlx::query_as!(
        Backlog,
        r#"select count(*) filter (where c.parked_at is null) as "waiting!",
                  coalesce(extract(epoch from crewup.now() - min(o.created_at) filter (where c.parked_at is null)), 0)::float8
                      as "lag_seconds!",
                  count(*) filter (where c.parked_at is not null) as "parked!"
           from outbox_claims c
           join outbox o on o.id = c.outbox_id
           where c.consumer = $1"#,
        consumer,
    )
    .fetch_one(&mut *lease)
    .await?;
    lease.back();
    Ok(row)
}
