//! Process time: for deadlines, caches, back-off and the expiry of tokens. Never for a rule of the domain, whose now
//! is `crewup.now()` in the database (E4).

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};

/// A point on the monotonic clock.
#[allow(clippy::disallowed_methods, reason = "the one home of process time")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Seconds since the Unix epoch by the machine's clock, for what other parties stamped: tokens.
#[allow(clippy::disallowed_methods, reason = "the one home of process time")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// The machine's clock, for what a stream says of itself: when it ends, that it is alive; and for a database that has no
/// `crewup.now()` yet.
#[allow(clippy::disallowed_methods, reason = "the one home of process time")]
pub fn utc() -> DateTime<Utc> {
    Utc::now()
}
