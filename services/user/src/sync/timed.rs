//! The synchronisation that nobody asks for: once in its time, whatever the number of replicas (X7). Not a job of
//! `shared::schedule`, whose steps are one transaction each: here one only takes it, and the other says how it ended.

use std::time::Duration;

use crewup_shared::{app::Tx, error::Result, server::Stop};
use opentelemetry::{KeyValue, global};

use super::UserSync;
use crate::{
    model::{Progress, Stage},
    store,
};

/// How often a replica looks whether it is time.
const EVERY: Duration = Duration::from_secs(5);
/// How often it says that it is still at it.
const KEEP: Duration = Duration::from_secs(30);
/// One that ended badly is tried again so soon, in seconds, if it would not be due before.
const AGAIN: f64 = 300.0;

/// Looks until `stop` says so.
pub(crate) async fn work(sync: UserSync, mut stop: Stop) {
    let meter = global::meter("crewup");
    let lag = meter.f64_gauge("crewup.job.lag").with_unit("s").with_description("How late timed work was done").build();
    let labels = [KeyValue::new("work", "sync_users")];
    while !*stop.borrow() {
        // Told to stop, it ends where it is; the next one goes on from there.
        let done = tokio::select! {
            done = sync.timed() => done,
            _ = stop.changed() => break,
        };
        match done {
            Ok(late) => lag.record(late.as_secs_f64(), &labels),
            Err(error) => tracing::warn!(%error, "the accounts could not be synchronised; it is tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.min(Duration::from_secs_f64(sync.every))) => {}
            _ = stop.changed() => {}
        }
    }
}

impl UserSync {
    /// How late it was begun, if it was due.
    async fn timed(&self) -> Result<Duration> {
        let mut tx = Tx::begin(&self.db, &[]).await?;
        let now = tx.now;
        let taken = store::sync::take(tx.db()).await?;
        tx.commit(&self.wake).await?;
        let Some((due, token)) = taken else { return Ok(Duration::ZERO) };
        // A release of another kind may have written it.
        let mut so_far = Progress::of_token(&token, false).unwrap_or_default();
        while so_far.stage != Stage::Done {
            match self.kept(so_far).await {
                Ok(further) => so_far = further,
                Err(error) => {
                    self.release(AGAIN.min(self.every), &so_far.token()).await?;
                    return Err(error);
                }
            }
        }
        self.release(self.every, "").await?;
        let Progress { read, created, updated, disabled, gone, .. } = so_far;
        tracing::info!(read, created, updated, disabled, gone, "the accounts are synchronised");
        Ok((now - due).to_std().unwrap_or_default())
    }

    /// The next part, saying all the while that somebody is at it.
    async fn kept(&self, so_far: Progress) -> Result<Progress> {
        let mut part = Box::pin(self.clone().step(so_far));
        loop {
            self.keep(&so_far.token()).await?;
            tokio::select! {
                done = &mut part => return done,
                () = tokio::time::sleep(KEEP) => {}
            }
        }
    }

    async fn keep(&self, token: &str) -> Result<()> {
        let mut lease = self.db.lease().await?;
        store::sync::keep(&mut lease, token).await?;
        lease.back();
        Ok(())
    }

    async fn release(&self, seconds: f64, token: &str) -> Result<()> {
        let mut lease = self.db.lease().await?;
        store::sync::release(&mut lease, seconds, token).await?;
        lease.back();
        Ok(())
    }
}
