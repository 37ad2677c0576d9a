//! One open stream: what is the same for all of them. It begins by saying when it will end, is alive at an interval, and
//! ends when its caller's rights, its token or its time do, or the process (C6, X13).

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::{Deref, DerefMut, RangeInclusive},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::call::{Call, Standing};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, Sleep},
};
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, Span, instrument::Instrumented};

use super::Subscription;
use crate::{
    app::{App, Caller, Handler, ReadCx},
    clock,
    db::{Db, Lease},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::UserId,
    lock::lock,
    standing::{self, Standings},
    telemetry::OpenStream,
};

/// How often the standing of a caller is looked at who was restricted before.
const LOOK: Duration = Duration::from_millis(500);

/// So many look at standings at once.
const LOOKS: usize = 2;

/// Bounds and default of the interval between signs of life, in seconds.
const HEARTBEAT: RangeInclusive<i32> = 5..=60;
const DEFAULT_HEARTBEAT: i32 = 20;

/// So many streams a person may have open at one process: one for each crew and screen, and then some.
const MOST: usize = 64;

/// The stream of an answer.
pub type Streamed<T> = BoxStream<'static, std::result::Result<T, Status>>;

/// What an open stream works with.
pub struct StreamCx {
    /// Who watches; the standing is that of the opening.
    pub caller: Caller,
    db: Db,
    reads: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    /// The call's.
    span: Span,
}

impl StreamCx {
    /// Runs what is seldom run, such as a read, in the call's span and on the heap: a stream that waits has no room for it,
    /// and one that is only asked whether there is something needs no span.
    pub fn apart<F: Future>(&self, work: F) -> Instrumented<Pin<Box<F>>> {
        Box::pin(work).instrument(self.span.clone())
    }

    /// A connection for one read. Streams wait for each other, however many are woken at once, and leave connections to
    /// the calls.
    pub async fn lease(&self) -> Result<StreamLease> {
        self.lease_by(&self.reads).await
    }

    async fn lease_by(&self, turn: &Arc<Semaphore>) -> Result<StreamLease> {
        let permit = Arc::clone(turn).acquire_owned().await.map_err(Error::internal)?;
        Ok(StreamLease { lease: self.db.lease().await?, _permit: permit })
    }
}

/// A connection on loan to a stream.
pub struct StreamLease {
    lease: Lease,
    _permit: OwnedSemaphorePermit,
}

impl StreamLease {
    /// Gives back a connection on which nothing is under way.
    pub fn back(self) {
        self.lease.back();
    }
}

impl Deref for StreamLease {
    type Target = sqlx::PgConnection;

    fn deref(&self) -> &Self::Target {
        &self.lease
    }
}

impl DerefMut for StreamLease {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.lease
    }
}

/// What is sent by one kind of stream.
pub trait Feed: Send + 'static {
    /// One thing on the stream.
    type Item: Send + 'static;

    /// The first thing: where the stream stands, and when it will end.
    fn opened(&self, ends: DateTime<Utc>) -> Self::Item;

    /// A sign of life.
    fn heartbeat(&self, now: DateTime<Utc>) -> Self::Item;

    /// The next thing, once there is one. It may be dropped while it waits, and then loses nothing.
    fn next(&mut self, cx: &StreamCx) -> impl Future<Output = Result<Self::Item>> + Send;

    /// Looks again whether the caller may watch. Asked when something happened to the caller.
    fn check(&mut self, cx: &StreamCx) -> impl Future<Output = Result<()>> + Send;

    /// Whether everything was sent. Most streams end only by their time.
    fn is_over(&self) -> bool {
        false
    }

    /// Adds to the end of the stream where to resume.
    fn ended(&self, error: Error) -> Error {
        error
    }
}

/// What bounds the streams of a process: how long they last, and how many read at once. Cheap to clone.
#[derive(Clone)]
pub struct StreamLimits {
    longest: Duration,
    spread: Duration,
    stop: watch::Receiver<bool>,
    reads: Arc<Semaphore>,
    /// Who looks whether somebody was banned does not wait for all that are woken by an event.
    looks: Arc<Semaphore>,
    open: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// One of a person's open streams.
struct Counted {
    open: Arc<Mutex<HashMap<UserId, usize>>>,
    person: UserId,
}

impl Counted {
    /// # Errors
    /// TOO_MANY_STREAMS: the person has [`MOST`].
    fn new(limits: &StreamLimits, person: UserId) -> Result<Self> {
        let mut open = lock(&limits.open);
        let count = open.entry(person).or_default();
        if *count >= MOST {
            return Err(ErrorReason::TooManyStreams.into());
        }
        *count += 1;
        Ok(Self { open: Arc::clone(&limits.open), person })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = lock(&self.open).entry(self.person) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl StreamLimits {
    /// A stream ends after `longest`, or up to a fifth earlier, and at any time of `spread` after `stop` says so: those that
    /// began together do not end together. `reads` of them read from the database at once.
    pub fn new(longest: Duration, spread: Duration, stop: watch::Receiver<bool>, reads: usize) -> Self {
        let (reads, looks) = (Arc::new(Semaphore::new(reads)), Arc::new(Semaphore::new(LOOKS)));
        Self { longest, spread, stop, reads, looks, open: Arc::default() }
    }
}

/// The heartbeat that a request asks for, in seconds; 0 is 20.
pub fn heartbeat(fields: &mut Fields, seconds: i32) -> Duration {
    let seconds = if seconds == 0 { DEFAULT_HEARTBEAT } else { seconds };
    fields.check("heartbeat_seconds", HEARTBEAT.contains(&seconds), "must be 0, or from 5 to 60");
    Duration::from_secs(seconds.unsigned_abs().into())
}

impl App {
    /// Runs a handler that opens a stream: as a reading one, it answers the feed and the interval between signs of life.
    pub async fn stream<Req, F, O>(
        &self,
        request: Request<Req>,
        open: O,
    ) -> std::result::Result<Response<Streamed<F::Item>>, Status>
    where
        F: Feed,
        O: for<'a> Handler<'a, ReadCx, Req, (F, Duration)>,
    {
        self.opening(request, open).await.map(Response::new).map_err(Error::into_status)
    }

    async fn opening<Req, F, O>(&self, request: Request<Req>, open: O) -> Result<Streamed<F::Item>>
    where
        F: Feed,
        O: for<'a> Handler<'a, ReadCx, Req, (F, Duration)>,
    {
        let (context, id, request) = self.identify(request).await?;
        // Before the rights are read: what happens to the caller from here on is heard.
        let mut person = self.live().subscribe();
        person.add(id.0);
        let (caller, (feed, heartbeat)) = self.read_as(&context, id, &request, open).await?;

        let limits = self.stream_limits().clone();
        let counted = Counted::new(&limits, id)?;
        let now = clock::instant();
        let longest = limits.longest.mul_f64(rand::random_range(0.8..=1.0));
        let token = Duration::from_secs(context.person().expires_at.saturating_sub(clock::unix_seconds()));
        let (lasts, why) =
            if token < longest { (token, ErrorReason::TokenExpired) } else { (longest, ErrorReason::StreamMoved) };
        let open = Open {
            feed,
            call: context.call,
            standings: self.standings().clone(),
            person,
            begun: false,
            stopping: false,
            ends_at: clock::utc() + TimeDelta::from_std(lasts).unwrap_or(TimeDelta::MAX),
            end: Instant::from_std(now + lasts),
            why,
            heartbeat,
            beat: Instant::from_std(now + heartbeat),
            timer: Box::pin(tokio::time::sleep(heartbeat)),
            cx: StreamCx {
                caller,
                db: self.db().clone(),
                reads: Arc::clone(&limits.reads),
                looks: Arc::clone(&limits.looks),
                span: Span::current(),
            },
            limits,
            _counted: (counted, OpenStream::new(context.call)),
        };
        // Boxed: it is moved with each item.
        let items = stream::unfold(Some(Box::new(open)), move |open| async move {
            let mut open = open.filter(|open| !open.feed.is_over())?;
            match open.next().await {
                Ok(item) => Some((Ok(item), Some(open))),
                Err(error) => {
                    let status = open.cx.span.in_scope(|| open.feed.ended(error).into_status());
                    Some((Err(status), None))
                }
            }
        });
        Ok(items.boxed())
    }
}

struct Open<F> {
    feed: F,
    cx: StreamCx,
    call: &'static Call,
    standings: Standings,
    person: Subscription,
    limits: StreamLimits,
    begun: bool,
    stopping: bool,
    ends_at: DateTime<Utc>,
    end: Instant,
    /// What is said at the end.
    why: ErrorReason,
    heartbeat: Duration,
    /// When the next sign of life is due.
    beat: Instant,
    timer: Pin<Box<Sleep>>,
    _counted: (Counted, OpenStream),
}

/// What a stream was woken by.
enum Woken<T> {
    Caller,
    Stop,
    Time,
    Feed(Result<T>),
}

impl<F: Feed> Open<F> {
    async fn next(&mut self) -> Result<F::Item> {
        if !self.begun {
            self.begun = true;
            return Ok(self.feed.opened(self.ends_at));
        }
        loop {
            let now = Instant::from_std(clock::instant());
            let mut due = self.beat.min(self.end);
            if self.standings.may_be_restricted(self.cx.caller.id) {
                due = due.min(now + LOOK);
            }
            // Not with every item: where the timer ends too early, that is found when it does.
            if self.timer.is_elapsed() || self.timer.deadline() > due {
                self.timer.as_mut().reset(due);
            }
            // In this order: a busy stream must not outlive its rights.
            let woken = tokio::select! {
                biased;
                _ = self.person.next() => Woken::Caller,
                _ = self.limits.stop.wait_for(|stop| *stop), if !self.stopping => Woken::Stop,
                () = &mut self.timer => Woken::Time,
                item = self.feed.next(&self.cx) => Woken::Feed(item),
            };
            match woken {
                Woken::Feed(item) => {
                    self.beat = Instant::from_std(clock::instant()) + self.heartbeat;
                    return item;
                }
                Woken::Caller => self.look().await?,
                Woken::Stop => self.end_soon(),
                Woken::Time => {
                    let now = Instant::from_std(clock::instant());
                    if now >= self.end {
                        return Err(self.why.into());
                    }
                    if now >= self.beat {
                        self.beat = now + self.heartbeat;
                        return Ok(self.feed.heartbeat(clock::utc()));
                    }
                    if self.standings.may_be_restricted(self.cx.caller.id) {
                        self.look().await?;
                    }
                }
            }
        }
    }

    /// The process was told to stop.
    fn end_soon(&mut self) {
        self.stopping = true;
        let soon = self.limits.spread.mul_f64(rand::random_range(0.0..=1.0));
        let soon = Instant::from_std(clock::instant() + soon);
        if soon < self.end {
            (self.end, self.why) = (soon, ErrorReason::StreamMoved);
        }
    }

    /// Something happened to the caller: looks at the rights again (C6).
    async fn look(&mut self) -> Result<()> {
        let cx = &self.cx;
        let opened = cx.caller.standing;
        let standing = cx.apart(async {
            let mut lease = cx.lease_by(&cx.looks).await?;
            let standing = standing::look_up(&mut lease, cx.caller.id).await?;
            lease.back();
            Ok::<_, Error>(standing)
        });
        let standing = standing.await?;
        standing::admit(standing, self.call)?;
        // Even where the call itself is still allowed, it would now show something else.
        if standing != opened && standing != Standing::Active {
            return Err(standing::refusal(standing).into());
        }
        self.feed.check(&self.cx).await
    }
}
