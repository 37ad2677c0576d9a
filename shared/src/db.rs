//! The one pool of connections.
//!
//! sqlx's own pool makes three round trips for each query: a ping before it, the query, a ping after it (ADR 0003).
//! This one makes one. What the pings did is done where it is needed: a call that was cancelled in the middle leaves a
//! connection that is rolled back at once by a task, or closed; a dead connection is found by the query that uses it.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts};
use opentelemetry::{global, metrics::Histogram};
use sqlx::{
    ConnectOptions as _, Executor as _,
    postgres::{PgConnectOptions, PgConnection},
};

use crate::{
    clock,
    error::{Error, ErrorReason, Result},
};

/// How long a call waits for a connection before it is told to come again (X5).
const WAIT: Duration = Duration::from_secs(1);
/// Who waits longer has been served too late: a queue in which everybody does for [`WAIT`] is of more than can be done.
const LATE: Duration = Duration::from_millis(500);
/// As long as any call may take; its own deadline comes first.
const WAIT_URGENT: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(2);
const TIDY: Duration = Duration::from_secs(2);

/// Makes connections; see [`Db`].
pub struct Manager {
    options: Arc<PgConnectOptions>,
    /// How often all connections were forgotten.
    era: Arc<AtomicU64>,
}

/// A connection of the pool.
pub struct Pooled {
    conn: PgConnection,
    /// The era in which it was opened.
    era: u64,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> std::result::Result<Pooled, sqlx::Error> {
        // Before it is opened: what is forgotten meanwhile is it, too.
        let era = self.era.load(Ordering::Relaxed);
        // On the heap, as it is seldom run: whoever leases would have 10 KiB for it in its future.
        Ok(Pooled { conn: Box::pin(self.options.connect()).await?, era })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if pooled.era == self.era.load(Ordering::Relaxed) { Ok(()) } else { Err(RecycleError::message("forgotten")) }
    }
}

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: managed::Pool<Manager>,
    options: Arc<PgConnectOptions>,
    era: Arc<AtomicU64>,
    /// For urgent calls, which are never told to come again.
    urgent: bool,
    queue: Arc<Queue>,
    waits: Histogram<f64>,
}

impl Db {
    /// At most `size` connections, opened when they are first needed. Who finds none free is told soon to come again.
    pub fn new(options: PgConnectOptions, application: &str, size: usize) -> Result<Self> {
        let options =
            options.application_name(application).statement_cache_capacity(500).disable_statement_logging().options([
                ("statement_timeout", "10s"),
                ("idle_in_transaction_session_timeout", "10s"),
                ("client_connection_check_interval", "1s"),
                ("timezone", "UTC"),
                // It compiles a plan by its guessed cost: a quarter of a second, for queries of some milliseconds.
                ("jit", "off"),
                // How alike two words must be to be a typo of each other (E23).
                ("pg_trgm.word_similarity_threshold", "0.5"),
            ]);
        Self::pool(Arc::new(options), Arc::default(), size, false)
    }

    /// More connections to the same database, for urgent calls alone: who finds none free waits for as long as a call may
    /// take. What one of the two forgets, both do.
    pub fn urgent(&self, size: usize) -> Result<Self> {
        Self::pool(Arc::clone(&self.options), Arc::clone(&self.era), size, true)
    }

    fn pool(options: Arc<PgConnectOptions>, era: Arc<AtomicU64>, size: usize, urgent: bool) -> Result<Self> {
        let wait = if urgent { WAIT_URGENT } else { WAIT };
        let timeouts = Timeouts { wait: Some(wait), create: Some(CONNECT), recycle: None };
        managed::Pool::builder(Manager { options: Arc::clone(&options), era: Arc::clone(&era) })
            .max_size(size)
            .timeouts(timeouts)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map(|pool| Self { pool, options, era, urgent, queue: Arc::new(Queue::new()), waits: waits() })
            .map_err(Error::internal)
    }

    /// A connection of one's own until the lease is dropped.
    pub async fn lease(&self) -> Result<Lease> {
        let asked = clock::instant();
        let status = self.pool.status();
        if self.queue.is_too_long(status.waiting, status.max_size, asked) && !self.urgent {
            return Err(overloaded("too many wait for a connection"));
        }
        let got = self.pool.get().await;
        self.queue.left(asked);
        self.waits.record(asked.elapsed().as_secs_f64(), &[]);
        match got {
            Ok(object) => Ok(Lease { object: Some(object), idle: false }),
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(overloaded("no connection was free in time")),
            Err(error) => Err(Error::from(ErrorReason::DependencyUnavailable).because(error)),
        }
    }

    /// How its connections are made, for one of another kind.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Forgets every connection that is open: none is lent again. The server that they lead to may be gone, or be the primary no
    /// more.
    pub fn forget(&self) {
        self.era.fetch_add(1, Ordering::Relaxed);
    }

    /// (connections in use, connections open, calls waiting for one)
    pub fn usage(&self) -> (usize, usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.size, status.waiting)
    }
}

/// Those who wait for a connection, and whether they are more than can be served. In a long queue everybody who is served has
/// waited as long as those who are not; then it is kept so short that no connection is ever idle, and no longer, until it is empty.
struct Queue {
    start: Instant,
    /// When somebody last was not late, in milliseconds since `start`.
    in_time: AtomicU64,
    overloaded: AtomicBool,
}

impl Queue {
    fn new() -> Self {
        Self { start: clock::instant(), in_time: AtomicU64::new(0), overloaded: AtomicBool::new(false) }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether one who asks now, beside `waiting` others for `connections`, would only make the others wait longer.
    fn is_too_long(&self, waiting: usize, connections: usize, now: Instant) -> bool {
        let now = self.millis(now);
        if waiting == 0 {
            self.in_time.store(now, Ordering::Relaxed);
            self.overloaded.store(false, Ordering::Relaxed);
        } else if u128::from(now.saturating_sub(self.in_time.load(Ordering::Relaxed))) > WAIT.as_millis() {
            self.overloaded.store(true, Ordering::Relaxed);
        }
        waiting >= connections && self.overloaded.load(Ordering::Relaxed)
    }

    /// Who asked then waits no longer.
    fn left(&self, asked: Instant) {
        let now = clock::instant();
        if now.duration_since(asked) < LATE {
            self.in_time.store(self.millis(now), Ordering::Relaxed);
        }
    }
}

fn overloaded(why: &'static str) -> Error {
    Error::from(ErrorReason::Overloaded).retry_after(WAIT).because(why)
}

/// As the database semantic conventions name it.
fn waits() -> Histogram<f64> {
    global::meter("crewup")
        .f64_histogram("db.client.connection.wait_time")
        .with_unit("s")
        .with_description("How long a call waited for a connection of the pool, opening one included")
        .with_boundaries(vec![0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0])
        .build()
}

/// A connection on loan. It goes back idle by [`Lease::back`]; dropped otherwise, it is rolled back first.
pub struct Lease {
    object: Option<Object<Manager>>,
    idle: bool,
}

impl Lease {
    /// Gives back a connection on which nothing is open or under way.
    pub fn back(mut self) {
        self.idle = true;
    }

    /// Closes the connection instead of giving it back.
    pub fn close(mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(object) = self.object.take().filter(|_| !self.idle) else { return };
        tidy(object);
    }
}

/// Ends what a dropped call left open. Without this its locks would stay until somebody used the connection again.
#[allow(clippy::disallowed_methods, reason = "a Drop cannot await; the task ends within TIDY")]
fn tidy(mut object: Object<Manager>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        drop(Object::take(object));
        return;
    };
    runtime.spawn(async move {
        let tidied = tokio::time::timeout(TIDY, object.conn.execute("rollback")).await;
        if !matches!(tidied, Ok(Ok(_))) {
            drop(Object::take(object));
        }
    });
}

#[allow(clippy::expect_used, reason = "the object is only taken by close and drop, which end the lease")]
impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.object.as_ref().expect("a lease holds its connection until it ends").conn
    }
}

#[allow(clippy::expect_used, reason = "as in Deref")]
impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.object.as_mut().expect("a lease holds its connection until it ends").conn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x5_a_queue_is_kept_short_once_all_were_late_for_a_second_and_until_it_is_empty() {
        let queue = Queue::new();
        let at = |millis| queue.start + Duration::from_millis(millis);
        assert!(!queue.is_too_long(0, 12, at(0)));
        assert!(!queue.is_too_long(500, 12, at(1000)), "a burst may wait");
        assert!(queue.is_too_long(12, 12, at(1001)));
        assert!(!queue.is_too_long(11, 12, at(1002)), "no connection is idle");
        queue.left(clock::instant());
        assert!(queue.is_too_long(12, 12, at(1003)), "who is served soon is served for others were refused");
        assert!(!queue.is_too_long(0, 12, at(1004)));
        assert!(!queue.is_too_long(12, 12, at(1005)), "it was empty");
    }
}
