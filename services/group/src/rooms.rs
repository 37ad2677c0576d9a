//! The crews that are watched in this process. Each has its newest entries here, read once for however many watch it;
//! whoever needs older ones reads the table (C4, C5).

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use crewup_proto::group::{TimelineEntry, Typing};
use crewup_shared::{
    clock,
    convert::timestamp,
    db::Db,
    error::{Error, ErrorReason, Result},
    id::{GroupId, UserId},
    live::{Live, WakeUp},
    lock::lock,
    server::Stop,
};
use tokio::sync::watch;

use crate::{
    model::Entry,
    store::{people, timeline},
};

/// So many of a crew's newest entries are kept.
const KEPT: usize = 64;
/// So many of a crew are read at once.
const BITE: i64 = 256;
/// So many crews are read at once: others do not wait longer for what was woken together.
const TOGETHER: usize = 64;
/// How often all are looked at. A lost wake-up costs at most this.
const LOOK: Duration = Duration::from_secs(1);
/// How long somebody is said to be writing (C11).
const TYPING: Duration = Duration::from_secs(6);
/// A person can say so once in this time, in each crew.
const TYPING_AGAIN: Duration = Duration::from_secs(1);

/// The rooms that are open. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rooms(Arc<Open>);

struct Open {
    rooms: Mutex<HashMap<GroupId, Weak<Room>>>,
    typed: moka::sync::Cache<(GroupId, UserId), ()>,
}

/// A crew that somebody watches.
pub(crate) struct Room {
    crew: GroupId,
    recent: Mutex<Recent>,
    /// Counts what happened here.
    changes: watch::Sender<u64>,
}

struct Recent {
    /// The number of the newest entry that was read.
    last: i64,
    /// The entries up to `last`, without a gap.
    entries: VecDeque<Arc<TimelineEntry>>,
    is_archived: bool,
    typing: Vec<Writer>,
}

struct Writer {
    id: UserId,
    typing: Typing,
    /// When it happened, by the count of the room's changes.
    change: u64,
    over: Instant,
}

/// What is in a room after a number.
pub(crate) enum After {
    /// The next entries.
    Entries(Vec<Arc<TimelineEntry>>),
    /// More than is kept here: so many entries.
    Older(i64),
    /// Nothing.
    Nothing,
    /// Nothing, and there never will be.
    Archived,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        let typed = moka::sync::Cache::builder().time_to_live(TYPING_AGAIN).max_capacity(100_000).build();
        Self(Arc::new(Open { rooms: Mutex::default(), typed }))
    }

    /// Opens the room of a crew whose newest number was `last`, or joins those who are there.
    pub(crate) fn join(&self, live: &Live, crew: GroupId, last: i64) -> Arc<Room> {
        let mut rooms = lock(&self.0.rooms);
        if let Some(room) = rooms.get(&crew).and_then(Weak::upgrade) {
            return room;
        }
        let recent = Recent { last, entries: VecDeque::new(), is_archived: false, typing: Vec::new() };
        let room = Arc::new(Room { crew, recent: Mutex::new(recent), changes: watch::Sender::new(0) });
        rooms.insert(crew, Arc::downgrade(&room));
        // What was committed since the crew was read woke nobody.
        live.wake(crew.0.into());
        room
    }

    /// Refuses who says too often to be writing (C11). Each process counts for itself.
    pub(crate) fn may_type(&self, crew: GroupId, user: UserId) -> Result<()> {
        if self.0.typed.entry((crew, user)).or_insert(()).is_fresh() {
            return Ok(());
        }
        Err(Error::from(ErrorReason::RateLimited).retry_after(TYPING_AGAIN))
    }

    /// Reads what is new in the rooms, until `stop` says so.
    pub(crate) async fn work(self, db: Db, live: Live, mut stop: Stop) {
        let every = live.subscribe_all();
        let mut look = Look::new(clock::instant());
        loop {
            let woken = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                woken = every.next() => woken,
                () = tokio::time::sleep_until(look.due.into()) => HashSet::new(),
            };
            let rooms = self.of(woken.iter().filter(|wake_up| wake_up.by.is_none()));
            let writers = self.writers(woken.iter());
            let some = look.part(clock::instant(), || self.all());
            let done = async {
                for rooms in rooms.chunks(TOGETHER).chain([some.as_slice()]) {
                    read(&db, rooms).await?;
                }
                typing(&db, writers).await
            };
            if let Err(error) = done.await {
                tracing::warn!(%error, "what is new in the crews could not be read; once more in a second");
            }
        }
    }

    fn of<'a>(&self, woken: impl Iterator<Item = &'a WakeUp>) -> Vec<Arc<Room>> {
        let rooms = lock(&self.0.rooms);
        woken.filter_map(|wake_up| rooms.get(&GroupId(wake_up.key)).and_then(Weak::upgrade)).collect()
    }

    /// All rooms; those that everybody has left are forgotten.
    fn all(&self) -> Vec<Arc<Room>> {
        let mut rooms = lock(&self.0.rooms);
        rooms.retain(|_, room| room.strong_count() > 0);
        rooms.values().filter_map(Weak::upgrade).collect()
    }

    /// Who is writing, in the rooms that are open.
    fn writers<'a>(&self, woken: impl Iterator<Item = &'a WakeUp>) -> Vec<(Arc<Room>, UserId)> {
        let rooms = lock(&self.0.rooms);
        woken.filter_map(|one| Some((rooms.get(&GroupId(one.key))?.upgrade()?, UserId(one.by?)))).collect()
    }
}

/// The look at all rooms, which is due every [`LOOK`] and goes by parts: who is woken meanwhile does not wait for all of it.
struct Look<T> {
    due: Instant,
    begun: Instant,
    left: Vec<T>,
}

impl<T> Look<T> {
    /// The first is due after a while.
    fn new(now: Instant) -> Self {
        Self { due: now + LOOK, begun: now, left: Vec::new() }
    }

    /// What is to be looked at now, of `all` where a look begins. None begins before the one before is over, however long it
    /// takes: there would be rooms that nobody ever looks at.
    fn part(&mut self, now: Instant, all: impl FnOnce() -> Vec<T>) -> Vec<T> {
        if now < self.due {
            return Vec::new();
        }
        if self.left.is_empty() {
            (self.begun, self.left) = (now, all());
        }
        let part = self.left.split_off(self.left.len().saturating_sub(TOGETHER));
        if self.left.is_empty() {
            self.due = self.begun + LOOK;
        }
        part
    }
}

/// Lets the rooms know who is writing.
async fn typing(db: &Db, writers: Vec<(Arc<Room>, UserId)>) -> Result<()> {
    if writers.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = writers.iter().map(|(_, user)| *user).collect();
    let mut lease = db.lease().await?;
    let (people, now) = people::named(&mut lease, &ids).await?;
    lease.back();
    let over = clock::instant() + TYPING;
    for (room, user) in writers {
        let Some(person) = people.iter().find(|person| person.id == user) else { continue };
        let typing = Typing { person: Some(person.to_wire()), expire_time: Some(timestamp(now + TYPING)) };
        room.change(|recent, change| {
            recent.typing.retain(|writer| writer.id != user && writer.over > clock::instant());
            recent.typing.push(Writer { id: user, typing, change, over });
        });
    }
    Ok(())
}

/// Reads what is new in some rooms, in one query, until nothing is left.
async fn read(db: &Db, rooms: &[Arc<Room>]) -> Result<()> {
    let mut left: Vec<_> = rooms.iter().filter(|room| !room.is_archived()).collect();
    while !left.is_empty() {
        let after: Vec<_> = left.iter().map(|room| (room.crew, room.last())).collect();
        let mut lease = db.lease().await?;
        let mut news = timeline::news(&mut lease, &after, BITE).await?.into_iter().peekable();
        lease.back();
        let mut full = Vec::new();
        // Both are in the order of the crews' ids, if the rooms are put so.
        left.sort_by_key(|room| room.crew.0);
        for room in left {
            let (mut entries, mut is_archived) = (Vec::new(), false);
            while let Some(one) = news.next_if(|one| one.crew == room.crew) {
                is_archived |= one.is_archived;
                entries.extend(one.entry);
            }
            let is_full = entries.len() == usize::try_from(BITE).unwrap_or_default();
            match room.add(entries, is_archived && !is_full) {
                Ok(()) if is_full => full.push(room),
                Ok(()) => {}
                // One that cannot go on does not hold up the others.
                Err(error) => tracing::error!(%error, crew = %room.crew.0, "a crew's streams cannot go on"),
            }
        }
        left = full;
    }
    Ok(())
}

impl Room {
    /// What comes after the entry with this number, `most` of it.
    pub(crate) fn after(&self, sequence: i64, most: usize) -> After {
        let recent = lock(&self.recent);
        let behind = recent.last - sequence;
        if behind <= 0 {
            return if recent.is_archived { After::Archived } else { After::Nothing };
        }
        match recent.entries.len().checked_sub(usize::try_from(behind).unwrap_or(usize::MAX)) {
            Some(skipped) => After::Entries(recent.entries.iter().skip(skipped).take(most).cloned().collect()),
            None => After::Older(behind),
        }
    }

    /// The first who began to write after a change of the room, with the change; not the viewer.
    pub(crate) fn typing_after(&self, change: u64, viewer: UserId) -> Option<(u64, Typing)> {
        let recent = lock(&self.recent);
        let now = clock::instant();
        let news = recent.typing.iter().filter(|one| one.change > change && one.id != viewer && one.over > now);
        news.min_by_key(|one| one.change).map(|one| (one.change, one.typing.clone()))
    }

    /// Changes whenever something happens here.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn last(&self) -> i64 {
        lock(&self.recent).last
    }

    fn is_archived(&self) -> bool {
        lock(&self.recent).is_archived
    }

    fn add(&self, entries: Vec<Entry>, is_archived: bool) -> Result<()> {
        if entries.is_empty() && !is_archived {
            return Ok(());
        }
        let first = entries.first().map(|entry| entry.sequence);
        if first.is_some_and(|first| first != self.last() + 1) {
            // C2 is broken, or we are: better nothing than a gap.
            return Err(Error::internal(format!("crew {} goes on with {first:?} after {}", self.crew.0, self.last())));
        }
        let entries: Vec<_> =
            entries.iter().map(|entry| entry.to_wire(self.crew).map(Arc::new)).collect::<Result<_>>()?;
        self.change(|recent, _| {
            recent.last += i64::try_from(entries.len()).unwrap_or_default();
            recent.entries.extend(entries);
            let old = recent.entries.len().saturating_sub(KEPT);
            recent.entries.drain(..old);
            recent.is_archived = is_archived;
        });
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Recent, u64)) {
        self.changes.send_modify(|changes| {
            *changes += 1;
            change(&mut lock(&self.recent), *changes);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c4_every_room_is_looked_at_also_where_a_look_takes_longer_than_until_the_next() {
        let all = || (0..10 * TOGETHER).collect::<Vec<_>>();
        let mut now = clock::instant();
        let mut look = Look::new(now);
        assert!(look.part(now, all).is_empty(), "not due yet");
        let mut seen = vec![0; all().len()];
        for _ in 0..30 {
            now += LOOK / 4;
            look.part(now.max(look.due), all).into_iter().for_each(|room: usize| seen[room] += 1);
        }
        assert_eq!(seen, vec![3; all().len()]);
    }

    #[test]
    fn c4_all_rooms_are_looked_at_once_a_second_and_no_more() {
        let now = clock::instant();
        let mut look = Look::new(now);
        let parts =
            |look: &mut Look<usize>, now| (0..5).map(|_| look.part(now, || vec![0; 2 * TOGETHER]).len()).sum::<usize>();
        assert_eq!(parts(&mut look, now + LOOK), 2 * TOGETHER);
        assert_eq!(parts(&mut look, now + LOOK + LOOK / 2), 0);
        assert_eq!(parts(&mut look, now + 2 * LOOK), 2 * TOGETHER);
    }
}
