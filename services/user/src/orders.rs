//! What accounts are to be at the identity provider because of what happened here: disabled while banned, deleted when erased
//! (ADR 23). A reaction writes the wish in its transaction; a worker carries it out with no transaction open, again and again
//! until it is done. Nothing here waits for it: our own check holds whatever the provider does (M3).

use std::{sync::Arc, time::Duration};

use crewup_proto::call::Standing;
use crewup_shared::{
    admin::AdminApi,
    app::Tx,
    db::Db,
    error::Result,
    id::UserId,
    outbox::Wake,
    schedule::{Job, Step},
    server::Stop,
};
use futures_util::future::BoxFuture;
use opentelemetry::{global, metrics::Gauge};

use crate::store::{self, orders::Order};

/// How often the worker looks.
const EVERY: Duration = Duration::from_secs(1);

/// Enables the accounts of those whose ban ended by the clock (M4).
pub(crate) const BAN_ENDS: Job = Job { name: "ban_ends", every: Duration::from_secs(5), rests: 0, step: ban_ends };

/// Orders what the account is to be by the person's present standing. An erased person's order was written with the
/// erasure, while the account was still known.
pub(crate) async fn settle(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.enter_person(user).await?;
    match tx.standing(user) {
        Some(Standing::Banned) => store::orders::disable(tx.db(), user).await,
        Some(Standing::Active | Standing::Deactivated) => store::orders::enable(tx.db(), user).await,
        Some(Standing::Erased | Standing::Unspecified) | None => Ok(()),
    }
}

fn ban_ends(tx: &mut Tx) -> BoxFuture<'_, Result<Step>> {
    Box::pin(async {
        // Not locked: whoever reacts to a ban takes the person first, and then the order.
        let Some((user, due)) = store::orders::over(tx.db()).await? else { return Ok(Step::Idle) };
        settle(tx, user).await?;
        Ok(Step::Done(due))
    })
}

/// Carries out what is ordered until `stop` says so.
pub(crate) async fn work(db: Db, api: Arc<AdminApi>, mut stop: Stop) {
    let meter = global::meter("crewup");
    let waiting =
        meter.i64_gauge("crewup.accounts.waiting").with_description("Orders to the identity provider").build();
    let lag =
        meter.f64_gauge("crewup.accounts.lag").with_unit("s").with_description("Age of the oldest of them").build();
    while !*stop.borrow() {
        let done = step(&db, &api).await;
        measure(&db, &waiting, &lag).await;
        match done {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the orders to the identity provider cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn measure(db: &Db, waiting: &Gauge<i64>, lag: &Gauge<f64>) {
    let found = async {
        let mut lease = db.lease().await?;
        let found = store::orders::backlog(&mut lease).await?;
        lease.back();
        Ok::<_, crewup_shared::Error>(found)
    };
    match found.await {
        Ok(backlog) => {
            waiting.record(backlog.waiting, &[]);
            lag.record(backlog.lag_seconds, &[]);
        }
        Err(error) => tracing::debug!(%error, "the orders could not be measured"),
    }
}

/// Carries out the order that is due for the longest time. False: there was none, or it could not be.
async fn step(db: &Db, api: &AdminApi) -> Result<bool> {
    let mut tx = Tx::begin(db, &[]).await?;
    let order = store::orders::take(tx.db()).await?;
    tx.commit(&Wake::default()).await?;
    let Some(order) = order else { return Ok(false) };
    let done = carry_out(db, api, &order).await;
    let mut tx = Tx::begin(db, &[]).await?;
    match &done {
        Ok(()) => store::orders::done(tx.db(), &order).await?,
        Err(error) => {
            tracing::warn!(%error, user = %order.user_id, wanted = order.wanted, "an account is not yet as ordered");
            store::orders::put_off(tx.db(), &order).await?;
        }
    }
    tx.commit(&Wake::default()).await?;
    Ok(done.is_ok())
}

/// Makes the account so. Who is not there is as good as disabled or deleted.
async fn carry_out(db: &Db, api: &AdminApi, order: &Order) -> Result<()> {
    let subject = &order.subject;
    match order.wanted.as_str() {
        "deleted" => {
            api.delete(subject).await?;
        }
        "disabled" => {
            let account = api.account(subject).await?;
            if account.is_some_and(|account| account.enabled) {
                if !order.ours {
                    // Before it is so: a process that dies in between must not leave an account that nobody enables again.
                    let mut tx = Tx::begin(db, &[]).await?;
                    store::orders::note_ours(tx.db(), order).await?;
                    tx.commit(&Wake::default()).await?;
                }
                api.set_enabled(subject, false).await?;
            }
            api.sign_out(subject).await?;
        }
        // Whom somebody else disabled before us stays so.
        _ if order.ours => {
            api.set_enabled(subject, true).await?;
        }
        _ => {}
    }
    Ok(())
}
