//! What ends by itself: an alert that nobody resolved (S3), and what is known of a place (S8).

use std::time::Duration;

use crewup_shared::{
    app::Tx,
    error::Result,
    outbox::Topic,
    schedule::{Job, Step},
};
use futures_util::future::BoxFuture;

use crate::store;

/// Closes alerts 12 hours after their last window.
pub(crate) const EXPIRE: Job = Job { name: "alert-expiry", every: Duration::from_secs(5), rests: 0, step: expire };
/// Deletes places 30 days after the end.
pub(crate) const WIPE: Job = Job { name: "place-wiping", every: Duration::from_secs(600), rests: 4, step: wipe };

fn expire(tx: &mut Tx) -> BoxFuture<'_, Result<Step>> {
    Box::pin(async {
        let now = tx.now;
        let Some(due) = store::due::expiry(tx.db(), now).await? else { return Ok(Step::Idle) };
        // The end of an event may have been put off since (E5), and the window with it.
        if store::due::expire(tx.db(), due.id, now).await? {
            tx.emit(Topic::AlertChanged, due.id, None);
        }
        Ok(Step::Done(due.at))
    })
}

fn wipe(tx: &mut Tx) -> BoxFuture<'_, Result<Step>> {
    Box::pin(async {
        let now = tx.now;
        let wiped = store::places::wipe_old(tx.db(), now).await?;
        Ok(if wiped { Step::Done(now) } else { Step::Idle })
    })
}
