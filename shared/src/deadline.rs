//! How long a call may take, for itself and for the calls that it makes (X5).

use std::{
    future::Future,
    time::{Duration, Instant},
};

use http::HeaderMap;
use tokio::{task::futures::TaskLocalFuture, time::Timeout};

use crate::clock;

tokio::task_local! {
    /// When the answer is of no use any more.
    static ENDS: Instant;
}

/// The caller's `grpc-timeout`: at most eight digits and a unit.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Does `work`, which is cut off after `most`. Err: it was.
pub(crate) fn within<F: Future>(most: Duration, work: F) -> Timeout<TaskLocalFuture<Instant, F>> {
    tokio::time::timeout(most, ENDS.scope(clock::instant() + most, work))
}

/// How long the call that is under way may still take. None: it is no call's work, or that of several.
pub(crate) fn left() -> Option<Duration> {
    ENDS.try_with(|ends| ends.saturating_duration_since(clock::instant())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn x5_a_call_that_a_call_makes_has_what_is_left_of_its_time() {
        assert_eq!(left(), None);
        let (most, pause) = (Duration::from_secs(600), Duration::from_millis(20));
        let both = within(most, async {
            let first = left();
            tokio::time::sleep(pause).await;
            (first, left())
        });
        let Ok((Some(first), Some(then))) = both.await else { panic!("it has a time that ends") };
        assert!(first <= most && !then.is_zero() && then + pause <= first, "{first:?} {then:?}");
        assert!(within(pause, std::future::pending::<()>()).await.is_err());
    }

    #[test]
    fn x5_the_callers_deadline_is_read_in_every_unit() {
        let read = |value: &str| {
            let value = value.parse().ok()?;
            asked(&HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), value)]))
        };
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for garbage in ["", "S", "1", "1x", "-1S", "123456789S", "1.5S"] {
            assert_eq!(read(garbage), None, "{garbage:?}");
        }
    }
}
