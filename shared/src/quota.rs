//! How often a person may call: a bucket of tokens for each person and kind of call, which the replicas of a service share
//! (ADR 25). Each replica has a tenth of every bucket for itself, so that who calls now and then costs no round trip; who
//! calls more draws from the shared bucket, many tokens at a time.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crewup_proto::call::Quota;

use crate::{
    auth::SubjectHash,
    clock,
    db::Db,
    error::{Error, ErrorReason, Result},
    lock::lock,
};

/// So much of a bucket is a replica's own.
const OWN: f64 = 0.1;
/// People and kinds that are remembered; the least recent go first, with what they had drawn.
const REMEMBERED: u64 = 200_000;
/// Who did not call for so long has a full bucket anyway, and is forgotten.
const IDLE: Duration = Duration::from_secs(120);
/// Longer nobody waits for the database before going on without.
const DRAW: Duration = Duration::from_millis(250);

/// How a bucket is filled.
#[derive(Clone, Copy)]
struct Size {
    burst: f64,
    per_second: f64,
    /// Whether replicas draw from one. Else each has all of it, and asks nobody.
    shared: bool,
}

/// As the contract says.
const fn size(quota: Quota) -> Size {
    let (burst, per_second, shared) = match quota {
        Quota::Reads => (200.0, 20.0, true),
        Quota::Writes | Quota::Unspecified => (60.0, 5.0, true),
        Quota::Messages => (30.0, 5.0, true),
        Quota::Searches => (20.0, 2.0, true),
        Quota::Reports => (5.0, 1.0 / 30.0, true),
        // No database that is slow, and no other replica, stops an alert.
        Quota::Alerts => (60.0, 2.0, false),
        Quota::Help => (30.0, 1.0, false),
    };
    Size { burst, per_second, shared }
}

/// The buckets of one service, as this process knows them.
pub(crate) struct Quotas {
    service: &'static str,
    db: Db,
    /// What everybody may, in proportion to what the contract says.
    share: f64,
    known: moka::sync::Cache<(SubjectHash, Quota), Arc<Known>>,
}

/// What this process knows of one bucket.
struct Known {
    bucket: Mutex<Bucket>,
    /// One draws at a time; the others use what came.
    drawing: tokio::sync::Mutex<()>,
}

struct Bucket {
    /// The replica's own part.
    own: f64,
    filled: Instant,
    /// What was drawn and not used.
    drawn: f64,
    /// The shared bucket is empty until then.
    empty_until: Option<Instant>,
}

enum Tried {
    Taken,
    /// Nothing here; the shared bucket may have some.
    Draw,
    Empty(Duration),
}

impl Quotas {
    /// Of a service. `percent` is how much of what the contract says everybody may.
    pub(crate) fn new(service: &'static str, db: Db, percent: u32) -> Self {
        let known = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_idle(IDLE).build();
        Self { service, db, share: f64::from(percent) / 100.0, known }
    }

    /// Takes one token of a caller's bucket.
    ///
    /// # Errors
    /// RATE_LIMITED: there is none; it says when there will be.
    pub(crate) async fn take(&self, quota: Quota, caller: SubjectHash) -> Result<()> {
        let size = size(quota);
        let size = Size { burst: size.burst * self.share, per_second: size.per_second * self.share, ..size };
        let known = self.known.get_with((caller, quota), || Arc::new(Known::new(size)));
        match known.take(size) {
            Tried::Taken => Ok(()),
            Tried::Empty(wait) => Err(refused(wait)),
            // On the heap, as it is seldom run.
            Tried::Draw => Box::pin(self.draw(&known, size, caller, quota)).await,
        }
    }

    async fn draw(&self, known: &Known, size: Size, caller: SubjectHash, quota: Quota) -> Result<()> {
        let _one = known.drawing.lock().await;
        match known.take(size) {
            Tried::Taken => return Ok(()),
            Tried::Empty(wait) => return Err(refused(wait)),
            Tried::Draw => {}
        }
        // Seldom enough to cost nothing, and not so many that what one replica does not use is missed at another.
        let wanted = (size.burst * OWN).ceil().clamp(1.0, 1000.0);
        match tokio::time::timeout(DRAW, self.ask(size, &caller, quota, wanted)).await {
            Ok(Ok((taken, _))) if taken > 0.0 => {
                lock(&known.bucket).drawn += taken - 1.0;
                Ok(())
            }
            Ok(Ok((_, wait))) => {
                let wait = Duration::try_from_secs_f64(wait).unwrap_or(IDLE);
                lock(&known.bucket).empty_until = Some(clock::instant() + wait);
                Err(refused(wait))
            }
            // Without the database the call will fail by itself, if it needs one.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    async fn ask(&self, size: Size, caller: &[u8], quota: Quota, wanted: f64) -> Result<(f64, f64)> {
        let mut lease = self.db.lease().await?;
        let answer = sqlx::query!(
            r#"select taken::double precision as "taken!", wait as "wait!"
               from crewup.take_quota($1, $2, $3, $4, $5, $6::double precision::integer)"#,
            self.service,
            caller,
            quota.as_str_name(),
            size.per_second,
            size.burst,
            wanted,
        )
        .fetch_one(&mut *lease)
        .await?;
        lease.back();
        Ok((answer.taken, answer.wait))
    }
}

fn refused(wait: Duration) -> Error {
    Error::from(ErrorReason::RateLimited).retry_after(wait.max(Duration::from_millis(1)))
}

impl Known {
    fn new(size: Size) -> Self {
        let bucket = Bucket { own: own(size), filled: clock::instant(), drawn: 0.0, empty_until: None };
        Self { bucket: Mutex::new(bucket), drawing: tokio::sync::Mutex::new(()) }
    }

    fn take(&self, size: Size) -> Tried {
        let mut bucket = lock(&self.bucket);
        let now = clock::instant();
        let part = if size.shared { OWN } else { 1.0 };
        let since = now.duration_since(bucket.filled).as_secs_f64();
        bucket.own = own(size).min(bucket.own + since * size.per_second * part);
        bucket.filled = now;
        if bucket.own >= 1.0 {
            bucket.own -= 1.0;
            return Tried::Taken;
        }
        if bucket.drawn >= 1.0 {
            bucket.drawn -= 1.0;
            return Tried::Taken;
        }
        if !size.shared {
            let wait = (1.0 - bucket.own) / size.per_second;
            return Tried::Empty(Duration::try_from_secs_f64(wait).unwrap_or(IDLE));
        }
        match bucket.empty_until.filter(|until| *until > now) {
            Some(until) => Tried::Empty(until - now),
            None => Tried::Draw,
        }
    }
}

/// A replica's own part of a bucket when it is full: one token at least, or nobody's first call would be without a round
/// trip.
fn own(size: Size) -> f64 {
    if size.shared { (size.burst * OWN).max(1.0) } else { size.burst }
}
