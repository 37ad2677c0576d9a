//! What ends by itself: a chat that has had its life (G10).

use std::time::Duration;

use crewup_shared::{
    app::Tx,
    error::Result,
    schedule::{Job, Step},
};
use futures_util::future::BoxFuture;

use crate::store;

/// Forgets what was said in a crew, 365 days after its event or after the crew was archived. The crew itself and who was in
/// it stay. Hourly: it looks at every crew whose chat is not forgotten yet.
pub(crate) const JOB: Job = Job { name: "chat-forgetting", every: Duration::from_secs(3600), rests: 4, step: forget };

fn forget(tx: &mut Tx) -> BoxFuture<'_, Result<Step>> {
    Box::pin(async { Ok(store::timeline::forget(tx.db()).await?.map_or(Step::Idle, Step::Done)) })
}
