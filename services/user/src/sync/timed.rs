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
/// How often it says that it is still at it, and for how many seconds.
const KEEP: Duration = Duration::from_secs(30);
const KEPT: f64 = 120.0;
/// One that ended badly is tried again after so many seconds.
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
        if let Err(error) = done {
            tracing::warn!(%error, "the accounts could not be synchronised; it is tried again");
        }
        match sync.late().await {
            Ok(late) => lag.record(late, &labels),
            Err(error) => tracing::debug!(%error, "how late the synchronisation is could not be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.min(Duration::from_secs_f64(sync.every))) => {}
            _ = stop.changed() => {}
        }
    }
}

impl UserSync {
    /// A whole run, if it is due and nobody is at it.
    async fn timed(&self) -> Result<()> {
        let mut tx = Tx::begin(&self.db, &[]).await?;
        let taken = store::sync::take(tx.db()).await?;
        tx.commit(&self.wake).await?;
        let Some(token) = taken else { return Ok(()) };
        // A release of another kind may have written it.
        let mut so_far = Progress::of_token(&token, false).unwrap_or_default();
        while so_far.stage != Stage::Done {
            match self.kept(so_far).await {
                Ok(further) => so_far = further,
                Err(error) => {
                    self.keep(AGAIN, true, &so_far.token()).await?;
                    return Err(error);
                }
            }
        }
        let mut lease = self.db.lease().await?;
        store::sync::done(&mut lease, self.every).await?;
        lease.back();
        let Progress { read, created, updated, disabled, gone, .. } = so_far;
        tracing::info!(read, created, updated, disabled, gone, "the accounts are synchronised");
        Ok(())
    }

    /// The next part, saying all the while that somebody is at it.
    async fn kept(&self, so_far: Progress) -> Result<Progress> {
        let mut part = Box::pin(self.clone().step(so_far));
        loop {
            self.keep(KEPT, false, &so_far.token()).await?;
            tokio::select! {
                done = &mut part => return done,
                () = tokio::time::sleep(KEEP) => {}
            }
        }
    }

    async fn keep(&self, seconds: f64, has_failed: bool, token: &str) -> Result<()> {
        let mut lease = self.db.lease().await?;
        store::sync::keep(&mut lease, seconds, has_failed, token).await?;
        lease.back();
        Ok(())
    }

    async fn late(&self) -> Result<f64> {
        let mut lease = self.db.lease().await?;
        let late = store::sync::late(&mut lease).await?;
        lease.back();
        Ok(late)
    }
}
