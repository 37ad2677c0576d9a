//! Timed work (X7): what is due is claimed in the database, so that any number of replicas do it once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use opentelemetry::{KeyValue, global};
use tokio::sync::watch;

use crate::{app::Tx, clock, db::Db, error::Result, outbox::Wake};

/// One kind of timed work of a service.
pub struct Job {
    /// As in figures and logs.
    pub name: &'static str,
    /// How often it looks while nothing is due.
    pub every: Duration,
    /// So many times as long as a step took, it rests before the next: 0 for what somebody waits for. Clearing up can be much at
    /// once, and is not to take processors from calls.
    pub rests: u32,
    /// Does the next thing that is due, in a transaction of its own that enters nobody yet. It claims with
    /// `for update skip locked`, or is one statement that is as good twice as once.
    pub step: for<'a> fn(&'a mut Tx) -> BoxFuture<'a, Result<Step>>,
}

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing that is due.
    Idle,
    /// Something that was due since then, and did it.
    Done(DateTime<Utc>),
}

/// The worker of one job: looks until `stop` says so.
pub(crate) async fn work(db: Db, job: &'static Job, wake: Wake, mut stop: watch::Receiver<bool>) {
    let meter = global::meter("crewup");
    let lag = meter.f64_gauge("crewup.job.lag").with_unit("s").with_description("How late timed work was done").build();
    // Not `job`: Prometheus has that name for what it asked.
    let labels = [KeyValue::new("work", job.name)];
    // Replicas that were started together need not look together.
    let until_next_look = || job.every.mul_f64(rand::random_range(0.9..1.1));
    while !*stop.borrow() {
        let begun = clock::instant();
        let pause = match step(&db, job, &wake).await {
            Ok(Some(late)) => {
                lag.record(late.as_secs_f64(), &labels);
                begun.elapsed() * job.rests
            }
            Ok(None) => {
                lag.record(0.0, &labels);
                until_next_look()
            }
            Err(error) => {
                tracing::warn!(%error, job = job.name, "timed work failed; it is tried again");
                until_next_look()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// How late it was done. None: nothing was due.
async fn step(db: &Db, job: &Job, wake: &Wake) -> Result<Option<Duration>> {
    let mut tx = Tx::begin(db, &[]).await?;
    let now = tx.now;
    let Step::Done(due) = (job.step)(&mut tx).await? else { return Ok(None) };
    tx.commit(wake).await?;
    Ok(Some((now - due).to_std().unwrap_or_default()))
}
