//! Wake-ups between replicas: one connection that listens for each process, one NOTIFY for all that was committed
//! meanwhile, outside of any transaction; and a look at the outbox once a second, for what was never told (X8).
//!
//! NOTIFY takes a lock of the whole cluster at commit: in the transaction of a message it would put all messages of all
//! crews in one line.

use std::{fmt::Write as _, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::{
    PgConnection,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Live, WakeUp};
use crate::{
    db::Db,
    error::{Error, Result},
    lock::lock,
    outbox::Topic,
};

/// So long at least between two NOTIFYs of a process; what is committed meanwhile shares the next.
const GAP: Duration = Duration::from_millis(4);
/// So many wake-ups in one: PostgreSQL takes 8,000 bytes.
const MOST: usize = 100;
/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Before another try to listen.
const AGAIN: Duration = Duration::from_millis(500);

/// To whom the things that something happened to may be new, so that they do not wait for them yet.
pub type Audience = for<'a> fn(&'a mut PgConnection, &'a [Uuid]) -> BoxFuture<'a, Result<Vec<Uuid>>>;

/// A process' part in the exchange of wake-ups.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) live: Live,
    pub(crate) db: Db,
    /// The service: its replicas exchange wake-ups with each other.
    pub(crate) service: &'static str,
}

impl Relay {
    fn channel(&self) -> String {
        format!("crewup_{}", self.service)
    }

    /// Tells the other replicas of what is committed here, until `stop` says so, and then of the rest.
    pub(crate) async fn tell(self, mut stop: watch::Receiver<bool>) {
        let channel = self.channel();
        loop {
            let stopping = *stop.borrow();
            while let Some(batch) = self.untold() {
                if let Err(error) = notify(&self.db, &channel, &batch).await {
                    tracing::debug!(%error, "the other replicas could not be told; they look by themselves");
                }
                if !stopping {
                    tokio::time::sleep(GAP).await;
                }
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = self.live.0.tell.notified() => {}
                _ = stop.changed() => {}
            }
        }
    }

    fn untold(&self) -> Option<Vec<WakeUp>> {
        let mut untold = lock(&self.live.0.untold);
        let batch: Vec<_> = untold.iter().take(MOST).copied().collect();
        for told in &batch {
            untold.remove(told);
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Hears what the other replicas tell, until `stop` says so. What is missed, whoever waits for it finds by looking.
    pub(crate) async fn listen(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                heard = self.hear() => {
                    if let Err(error) = heard {
                        tracing::warn!(%error, "wake-ups cannot be heard; streams look by themselves");
                    }
                }
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn hear(&self) -> std::result::Result<(), sqlx::Error> {
        let options = self.db.options().clone().application_name(&format!("crewup-{} live", self.service));
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(&self.channel()).await?;
        loop {
            // None: the connection was lost, and is there again.
            if let Some(told) = listener.try_recv().await? {
                read(told.payload()).for_each(|wake_up| self.live.wake(wake_up));
            }
        }
    }

    /// Looks for what was told in the outbox and by no wake-up, until `stop` says so; where streams are of what stands there.
    pub(crate) async fn look(self, mut stop: watch::Receiver<bool>) {
        let topics: Vec<_> = Topic::watched_by(self.service).map(|topic| topic.name().to_owned()).collect();
        if topics.is_empty() {
            let _ = stop.wait_for(|stop| *stop).await;
            return;
        }
        let mut seen = Seen::default();
        while !*stop.borrow() {
            match self.told(&topics, &mut seen).await {
                Ok(keys) => keys.into_iter().for_each(|key| self.live.wake(key.into())),
                Err(error) => tracing::debug!(%error, "the outbox could not be looked at"),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// What was told by transactions that were not committed the last time.
    async fn told(&self, topics: &[String], seen: &mut Seen) -> Result<Vec<Uuid>> {
        let mut lease = self.db.lease().await?;
        let told = sqlx::query!(
            r#"select snapshot as "snapshot!", server as "server!", keys as "keys!"
               from crewup.outbox_since($1, $2, $3)"#,
            seen.snapshot,
            seen.server,
            topics,
        )
        .fetch_one(&mut *lease)
        .await?;
        lease.back();
        *seen = Seen { snapshot: Some(told.snapshot), server: Some(told.server) };
        Ok(told.keys)
    }

    /// Wakes those to whom something is new, which they could not wait for, until `stop` says so.
    pub(crate) async fn widen(self, audience: Audience, mut stop: watch::Receiver<bool>) {
        let every = self.live.subscribe_all();
        loop {
            let woken = tokio::select! {
                woken = every.next() => woken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if self.live.nobody_waits() {
                continue;
            }
            let keys: Vec<_> = woken.into_iter().map(|wake_up| wake_up.key).collect();
            let people = async {
                let mut lease = self.db.lease().await?;
                let people = audience(&mut lease, &keys).await?;
                lease.back();
                Ok::<_, Error>(people)
            };
            match people.await {
                Ok(people) => people.into_iter().for_each(|person| self.live.wake_waiting(person.into())),
                Err(error) => tracing::debug!(%error, "to whom something is new could not be read"),
            }
        }
    }
}

/// What the last look at the outbox has seen.
#[derive(Default)]
struct Seen {
    /// The transactions that were committed then, as PostgreSQL writes a snapshot. None: from now on.
    snapshot: Option<String>,
    /// The server that numbers them, by when it started.
    server: Option<DateTime<Utc>>,
}

async fn notify(db: &Db, channel: &str, batch: &[WakeUp]) -> Result<()> {
    let mut lease = db.lease().await?;
    sqlx::query!("select pg_notify($1, $2)", channel, written(batch)).fetch_one(&mut *lease).await?;
    lease.back();
    Ok(())
}

/// One word for each wake-up: the thing, and after a colon who did it.
fn written(batch: &[WakeUp]) -> String {
    let mut text = String::new();
    for WakeUp { key, by } in batch {
        let _ = write!(text, "{}", key.simple());
        if let Some(by) = by {
            let _ = write!(text, ":{}", by.simple());
        }
        text.push(' ');
    }
    text
}

/// What is not understood is left out: a later release may tell more.
fn read(text: &str) -> impl Iterator<Item = WakeUp> {
    text.split_whitespace().filter_map(|word| {
        let (key, by) = word.split_once(':').map_or((word, None), |(key, by)| (key, Some(by)));
        let by = by.map(Uuid::try_parse).transpose().ok()?;
        Some(WakeUp { key: Uuid::try_parse(key).ok()?, by })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_and_a_full_notify_fits() {
        let one = |n| WakeUp { key: Uuid::from_u128(n), by: (n % 2 == 0).then(|| Uuid::from_u128(n + 1)) };
        let batch: Vec<_> = (0..MOST as u128).map(one).collect();
        assert_eq!(read(&written(&batch)).collect::<Vec<_>>(), batch);
        let most = vec![one(0); MOST];
        assert!(written(&most).len() < 8000);
        assert_eq!(read("x 1:2 :").count(), 0);
    }
}
