//! State streams: the present state of all that a person has to do with, a marker, then each change (E7, S6). A thing that
//! changed is read again and sent whole, so that a cut stream loses nothing and a lost wake-up is made up by any later one.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Feed, StreamCx, Subscription};
use crate::{
    app::{Caller, ReadCx},
    clock,
    error::Result,
};

/// So many are read at once.
const BITE: usize = 50;

/// A thing and its revision, which grows with every change of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The thing.
    pub id: Uuid,
    /// Its revision.
    pub revision: i64,
}

/// A thing as it is sent.
pub struct Watched<T> {
    /// Which, and in which revision.
    pub thing: Revision,
    /// For the wire.
    pub item: T,
    /// Whether it is the last state: nothing of the thing follows, and nobody has to be told that it is gone.
    pub is_last: bool,
}

/// One kind of things that are watched.
pub trait Things: Send + Sync + 'static {
    /// One thing on the stream.
    type Item: Send + 'static;

    /// Whether what the caller has no more to do with is read once more: it may have come to its end, which is sent.
    const SHOWS_END: bool;

    /// At least this time is between two reads of a stream: what happens meanwhile is seen by the next.
    const CALM: Duration;

    /// What the caller has to do with now.
    fn present<'a>(&self, db: &'a mut PgConnection, caller: &'a Caller) -> BoxFuture<'a, Result<Vec<Revision>>>;

    /// Some of them, as the caller sees them, read after their revisions were. What is left out was removed.
    fn load<'a>(
        &'a mut self,
        db: &'a mut PgConnection,
        caller: &'a Caller,
        things: &'a [Revision],
    ) -> BoxFuture<'a, Result<Vec<Watched<Self::Item>>>>;

    /// Called when what was loaded has been sent.
    fn sent(&mut self, _: &Caller, _: Uuid) {}

    /// The first thing on the stream.
    fn opened(ends: DateTime<Utc>) -> Self::Item;
    /// The caller has no more to do with a thing.
    fn removed(id: Uuid) -> Self::Item;
    /// All present states were sent.
    fn live() -> Self::Item;
    /// A sign of life.
    fn heartbeat(now: DateTime<Utc>) -> Self::Item;
}

/// The feed of a state stream.
pub struct WatchFeed<T: Things> {
    things: T,
    woken: Subscription,
    /// What was sent, in which revision.
    known: HashMap<Uuid, i64>,
    /// What is to be read and sent.
    changed: VecDeque<Revision>,
    ready: VecDeque<(Option<Uuid>, T::Item)>,
    /// What was handed over last.
    sent: Option<Uuid>,
    /// Whether something happened since the present state was read.
    is_old: bool,
    /// Not compared again before.
    calm_until: Instant,
    is_live: bool,
}

impl<T: Things> WatchFeed<T> {
    /// Watches what the caller has to do with.
    pub fn new(cx: &ReadCx, things: T) -> Self {
        let mut woken = cx.live().subscribe();
        woken.add(cx.caller.id.0);
        Self {
            things,
            woken,
            known: HashMap::new(),
            changed: VecDeque::new(),
            ready: VecDeque::new(),
            sent: None,
            is_old: true,
            calm_until: clock::instant(),
            is_live: false,
        }
    }

    /// Compares the present state with what was sent.
    async fn compare(&mut self, cx: &StreamCx) -> Result<()> {
        let mut lease = cx.lease().await?;
        let present = self.things.present(&mut lease, &cx.caller).await?;
        lease.back();
        let now: HashSet<_> = present.iter().map(|thing| thing.id).collect();
        let gone = self.known.iter().filter(|(id, _)| !now.contains(id));
        let gone: Vec<_> = gone.map(|(id, revision)| Revision { id: *id, revision: *revision }).collect();
        self.changed = present.iter().filter(|thing| self.is_news(thing)).copied().collect();
        for thing in &present {
            self.woken.add(thing.id);
        }
        if T::SHOWS_END {
            self.changed.extend(gone);
        } else {
            gone.into_iter().for_each(|thing| self.forget(thing.id));
        }
        self.is_old = false;
        self.calm_until = clock::instant() + T::CALM;
        Ok(())
    }

    /// Reads some of what changed.
    async fn read(&mut self, cx: &StreamCx) -> Result<()> {
        let things: Vec<_> = self.changed.iter().take(BITE).copied().collect();
        let mut lease = cx.lease().await?;
        let loaded = self.things.load(&mut lease, &cx.caller, &things).await?;
        lease.back();
        self.changed.drain(..things.len());
        let mut left: HashSet<_> = things.into_iter().map(|thing| thing.id).collect();
        for Watched { thing, item, is_last } in loaded {
            left.remove(&thing.id);
            if self.is_news(&thing) {
                self.known.insert(thing.id, thing.revision);
                self.ready.push_back((Some(thing.id), item));
            }
            // Also one that was not at its end when it was compared.
            if is_last {
                self.known.remove(&thing.id);
                self.woken.remove(thing.id);
            }
        }
        left.into_iter().for_each(|id| self.forget(id));
        Ok(())
    }

    fn is_news(&self, thing: &Revision) -> bool {
        self.known.get(&thing.id).is_none_or(|known| *known < thing.revision)
    }

    fn forget(&mut self, id: Uuid) {
        self.woken.remove(id);
        if self.known.remove(&id).is_some() {
            self.ready.push_back((None, T::removed(id)));
        }
    }
}

impl<T: Things> Feed for WatchFeed<T> {
    type Item = T::Item;

    fn opened(&self, ends: DateTime<Utc>) -> T::Item {
        T::opened(ends)
    }

    fn heartbeat(&self, now: DateTime<Utc>) -> T::Item {
        T::heartbeat(now)
    }

    async fn next(&mut self, cx: &StreamCx) -> Result<T::Item> {
        loop {
            if let Some(id) = self.sent.take() {
                self.things.sent(&cx.caller, id);
            }
            if let Some((id, item)) = self.ready.pop_front() {
                self.sent = id;
                return Ok(item);
            }
            if !self.changed.is_empty() {
                cx.apart(self.read(cx)).await?;
            } else if self.is_old {
                tokio::time::sleep_until(self.calm_until.into()).await;
                cx.apart(self.compare(cx)).await?;
            } else if !self.is_live {
                self.is_live = true;
                return Ok(T::live());
            } else {
                self.woken.next().await;
                self.is_old = true;
            }
        }
    }

    async fn check(&mut self, _: &StreamCx) -> Result<()> {
        Ok(())
    }
}
