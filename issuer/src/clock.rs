//! The one place of this crate that reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, the unit of every time in a token.
#[allow(
    clippy::disallowed_methods,
    reason = "tokens are stamped with the real time: resource servers compare them with theirs"
)]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
