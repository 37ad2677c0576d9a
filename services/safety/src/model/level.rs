//! When an alert is published again, and to whom (S7).

use chrono::{DateTime, TimeDelta, Utc};

/// From the raising to level 1: the crews once more.
pub(crate) const FIRST: TimeDelta = TimeDelta::seconds(60);
/// From the raising to level 2: the hosts and the moderators, too.
const SECOND: TimeDelta = TimeDelta::seconds(180);

/// A level that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) level: i32,
    /// When the next one is due. None: it is the last.
    pub(crate) next_at: Option<DateTime<Utc>>,
    pub(crate) reaches_hosts: bool,
}

/// The level after `level` of an alert that was raised at `raised_at`.
pub(crate) fn next_level(level: i32, raised_at: DateTime<Utc>) -> Level {
    match level {
        0 => Level { level: 1, next_at: Some(raised_at + SECOND), reaches_hosts: false },
        _ => Level { level: 2, next_at: None, reaches_hosts: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_the_crews_are_told_again_after_60_s_and_the_hosts_after_180_s() {
        let raised = DateTime::UNIX_EPOCH;
        let first = next_level(0, raised);
        assert_eq!((first.level, first.reaches_hosts), (1, false));
        assert_eq!(first.next_at, Some(raised + TimeDelta::seconds(180)));
        assert_eq!(next_level(1, raised), Level { level: 2, next_at: None, reaches_hosts: true });
    }
}
