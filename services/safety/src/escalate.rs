//! Escalation (S7): due times in the database, claimed one by one, so that each level comes once, over restarts and
//! replicas.

use std::time::Duration;

use crewup_shared::{
    app::Tx,
    error::Result,
    outbox::Topic,
    schedule::{Job, Step},
};
use futures_util::future::BoxFuture;

use crate::{figures, model, store};

/// Raises the level of what is due.
pub(crate) const JOB: Job = Job { name: "escalation", every: Duration::from_millis(500), rests: 0, step };

fn step(tx: &mut Tx) -> BoxFuture<'_, Result<Step>> {
    Box::pin(async {
        let now = tx.now;
        let Some(due) = store::due::escalation(tx.db(), now).await? else { return Ok(Step::Idle) };
        let next = model::next_level(due.level, due.raised_at);
        store::due::escalate(tx.db(), due.id, &next, now).await?;
        tx.emit(Topic::AlertChanged, due.id, None);
        tx.count(&figures::ESCALATED, if due.level == 0 { "crew again" } else { "hosts and moderators" });
        Ok(Step::Done(due.at))
    })
}
