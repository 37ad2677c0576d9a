//! What happens, to those who watch (C4, X8): wake-ups, and the streams that they wake.
//!
//! The table comes first, the wake-up second. A wake-up says that something happened to a thing, never what: whoever is
//! woken reads the table. After a commit this process is woken at once, the other replicas by one NOTIFY for all that
//! was committed meanwhile. Each of them may be lost; everybody who waits looks by oneself once a second, too.

pub(crate) mod relay;
mod stream;
mod watch;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::lock::lock;

pub use relay::Audience;
pub use stream::{Feed, StreamCx, StreamLimits, Streamed, heartbeat};
pub use watch::{Revision, Things, WatchFeed, Watched};

/// Something happened to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WakeUp {
    /// The thing: an event, a crew, an alert or a person.
    pub key: Uuid,
    /// Who did it, where nothing was written that would tell: who is writing a message (C11).
    pub by: Option<Uuid>,
}

impl From<Uuid> for WakeUp {
    fn from(key: Uuid) -> Self {
        Self { key, by: None }
    }
}

/// Who waits in this process, and what the other replicas are still to hear of. Cheap to clone.
#[derive(Clone, Default)]
pub struct Live(Arc<Hub>);

#[derive(Default)]
struct Hub {
    waiting: Mutex<HashMap<Uuid, Vec<Arc<Signal>>>>,
    /// Who hears of everything.
    every: Mutex<Vec<Arc<Signal>>>,
    /// Whether there are other replicas to tell.
    is_shared: AtomicBool,
    /// What was committed here and not yet told.
    untold: Mutex<HashSet<WakeUp>>,
    tell: Notify,
}

#[derive(Default)]
struct Signal {
    woken: Mutex<HashSet<WakeUp>>,
    notify: Notify,
}

impl Live {
    /// Something was committed here: wakes who waits for it, here and, a little later, elsewhere.
    pub fn tell(&self, wake_up: WakeUp) {
        self.wake(wake_up);
        if self.0.is_shared.load(Ordering::Relaxed) && lock(&self.0.untold).insert(wake_up) {
            self.0.tell.notify_one();
        }
    }

    /// Wakes who waits in this process.
    pub fn wake(&self, wake_up: WakeUp) {
        self.wake_waiting(wake_up);
        for signal in lock(&self.0.every).iter() {
            signal.wake(wake_up);
        }
    }

    /// As [`Live::wake`], without those who hear of everything: it comes from one of them.
    fn wake_waiting(&self, wake_up: WakeUp) {
        for signal in lock(&self.0.waiting).get(&wake_up.key).into_iter().flatten() {
            signal.wake(wake_up);
        }
    }

    /// From here on the other replicas are told.
    pub(crate) fn share(&self) {
        self.0.is_shared.store(true, Ordering::Relaxed);
    }

    /// Waits until no stream is open here, at most for `longest`.
    pub(crate) async fn emptied(&self, longest: Duration) {
        let emptied = async {
            while !self.nobody_waits() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(longest, emptied).await;
    }

    fn nobody_waits(&self) -> bool {
        lock(&self.0.waiting).is_empty()
    }

    /// Waits for something; nothing yet.
    pub fn subscribe(&self) -> Subscription {
        Subscription { live: self.clone(), signal: Arc::default(), keys: HashSet::new() }
    }

    /// Hears of everything, for as long as the process runs: for workers.
    pub fn subscribe_all(&self) -> Subscription {
        let subscription = self.subscribe();
        lock(&self.0.every).push(Arc::clone(&subscription.signal));
        subscription
    }
}

impl Signal {
    fn wake(&self, wake_up: WakeUp) {
        if lock(&self.woken).insert(wake_up) {
            self.notify.notify_one();
        }
    }
}

/// One who waits for what happens to some things.
pub struct Subscription {
    live: Live,
    signal: Arc<Signal>,
    keys: HashSet<Uuid>,
}

impl Subscription {
    /// Waits for this thing, too. What happens from now on is heard.
    pub fn add(&mut self, key: Uuid) {
        if self.keys.insert(key) {
            lock(&self.live.0.waiting).entry(key).or_default().push(Arc::clone(&self.signal));
        }
    }

    /// Waits for it no longer.
    pub fn remove(&mut self, key: Uuid) {
        if self.keys.remove(&key) {
            self.forget(&mut lock(&self.live.0.waiting), key);
        }
    }

    fn forget(&self, waiting: &mut HashMap<Uuid, Vec<Arc<Signal>>>, key: Uuid) {
        if let Some(signals) = waiting.get_mut(&key) {
            signals.retain(|signal| !Arc::ptr_eq(signal, &self.signal));
            if signals.is_empty() {
                waiting.remove(&key);
            }
        }
    }

    /// What happened since the last time, as soon as something has. Dropped while it waits, it loses nothing.
    pub async fn next(&self) -> HashSet<WakeUp> {
        loop {
            let woken = std::mem::take(&mut *lock(&self.signal.woken));
            if !woken.is_empty() {
                return woken;
            }
            self.signal.notify.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut waiting = lock(&self.live.0.waiting);
        for key in &self.keys {
            self.forget(&mut waiting, *key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_hears_once_of_what_happened_often_and_of_nothing_else() {
        let live = Live::default();
        let (crew, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        live.tell(other.into());
        assert!(lock(&live.0.untold).is_empty(), "nobody to tell");
        live.share();
        let mut waits = live.subscribe();
        waits.add(crew);
        for _ in 0..3 {
            live.tell(crew.into());
            live.tell(other.into());
        }
        assert_eq!(waits.next().await, HashSet::from([crew.into()]));
        assert!(futures_util::poll!(Box::pin(waits.next())).is_pending());
        assert_eq!(lock(&live.0.untold).len(), 2, "each is told once");
    }

    #[tokio::test]
    async fn nothing_is_left_of_who_went_away() {
        let live = Live::default();
        let (crew, person) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut stays = live.subscribe();
        stays.add(crew);
        let mut goes = live.subscribe();
        goes.add(crew);
        goes.add(person);
        drop(goes);
        assert_eq!(lock(&live.0.waiting).keys().collect::<Vec<_>>(), [&crew]);
        stays.remove(crew);
        assert!(lock(&live.0.waiting).is_empty());
    }

    #[tokio::test]
    async fn what_happens_between_two_looks_is_not_lost() {
        let live = Live::default();
        let crew = Uuid::from_u128(1);
        let mut waits = live.subscribe();
        waits.add(crew);
        {
            let mut looking = Box::pin(waits.next());
            assert!(futures_util::poll!(&mut looking).is_pending());
            live.wake(crew.into());
            // Dropped without having been asked again.
        }
        assert_eq!(waits.next().await.len(), 1);
    }
}
