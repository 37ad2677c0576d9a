//! When things happen: the rhythm of a week in Zürich, told in its own time (E3).

use crate::dice::{Dice, Weights};
use crate::venues::Kind;
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Europe::Zurich;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// How far back the oldest event starts: some 18 months.
pub(crate) const PAST_DAYS: u64 = 548;
/// How far ahead the last one starts: some 6 months.
const COMING_DAYS: u64 = 183;

/// The days on which something starts, by how much does.
pub(crate) struct Calendar {
    first: NaiveDate,
    days: Weights,
}

impl Calendar {
    pub(crate) fn around(now: i64) -> Self {
        let today = local_date(now);
        let first = today - Days::new(PAST_DAYS);
        let days = (0..PAST_DAYS + COMING_DAYS).map(|at| {
            // The city grows; what is far ahead is not planned yet.
            let weight = match at.checked_sub(PAST_DAYS) {
                None => 600 + 400 * at / PAST_DAYS,
                Some(ahead) => 1000 * 60 / (60 + ahead),
            };
            weight * busy((first + Days::new(at)).weekday())
        });
        Self { first, days: Weights::new(days) }
    }

    /// What kind of event starts when, and when it ends if that is known. In whole minutes.
    pub(crate) fn draw(&self, dice: &mut Dice) -> (Kind, i64, Option<i64>) {
        let date = self.first + Days::new(dice.weighted(&self.days) as u64);
        let kind = kind_on(date.weekday(), dice);
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let hours: &[u32] = match kind {
            Kind::Bar => &[17, 18, 18, 19, 19, 20, 21],
            Kind::Club => &[21, 22, 22, 23, 23],
            Kind::Concert => &[18, 19, 19, 20, 20, 21],
            Kind::Party => &[18, 19, 20, 20, 21, 22],
            Kind::Restaurant if weekend => &[10, 11, 12, 18, 19, 19, 20],
            Kind::Restaurant => &[12, 18, 19, 19, 20],
            Kind::Outdoor if weekend => &[9, 10, 11, 13, 14, 15, 17],
            Kind::Outdoor => &[7, 12, 17, 18, 18, 19],
            Kind::Sports if weekend => &[9, 10, 11, 14, 15, 16],
            Kind::Sports => &[6, 12, 17, 18, 18, 19, 20],
            Kind::Other => &[14, 17, 18, 18, 19, 19],
        };
        let minute = *dice.pick(&[0, 0, 0, 0, 0, 15, 30, 30, 30, 45]);
        let start = instant(date, *dice.pick(hours), minute);
        let (shortest, longest, open_ended) = match kind {
            Kind::Club => (8, 16, 15),
            Kind::Party => (6, 16, 30),
            Kind::Concert => (3, 7, 5),
            Kind::Restaurant => (4, 8, 20),
            Kind::Bar => (4, 10, 30),
            Kind::Outdoor => (2, 14, 15),
            Kind::Sports => (2, 4, 3),
            Kind::Other => (3, 8, 10),
        };
        let halves = dice.between(shortest, longest);
        let end = (!dice.percent(open_ended)).then_some(start + halves * HOUR / 2);
        (kind, start, end)
    }
}

/// So many days after today, at a local time.
pub(crate) fn in_days(now: i64, days: i64, hour: u32, minute: u32) -> i64 {
    instant(local_date(now) + TimeDelta::days(days), hour, minute)
}

/// The month in Zürich.
pub(crate) fn month(second: i64) -> u32 {
    local_date(second).month()
}

fn local_date(second: i64) -> NaiveDate {
    let utc: DateTime<Utc> = DateTime::from_timestamp(second, 0).unwrap_or_default();
    utc.with_timezone(&Zurich).date_naive()
}

fn instant(date: NaiveDate, hour: u32, minute: u32) -> i64 {
    let at = |hour| date.and_hms_opt(hour, minute, 0).unwrap_or_default();
    // An hour that the clock jumps over is told as the next one; of one that comes twice, the first is meant.
    [hour, hour + 1]
        .into_iter()
        .find_map(|hour| Zurich.from_local_datetime(&at(hour)).earliest())
        .map_or_else(|| at(hour).and_utc().timestamp(), |local| local.timestamp())
}

fn busy(day: Weekday) -> u64 {
    match day {
        Weekday::Mon => 5,
        Weekday::Tue => 7,
        Weekday::Wed => 9,
        Weekday::Thu => 13,
        Weekday::Fri => 24,
        Weekday::Sat => 28,
        Weekday::Sun => 12,
    }
}

fn kind_on(day: Weekday, dice: &mut Dice) -> Kind {
    // In the order of Kind::ALL.
    let weights: [u64; 8] = match day {
        Weekday::Fri => [24, 20, 14, 16, 14, 3, 4, 5],
        Weekday::Sat => [14, 20, 13, 18, 12, 12, 7, 4],
        Weekday::Sun => [5, 2, 12, 4, 18, 32, 17, 10],
        _ => [24, 2, 14, 4, 17, 8, 18, 13],
    };
    Kind::ALL[dice.weighted(&Weights::new(weights))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e3_seven_in_the_evening_is_seven_in_summer_and_in_winter() {
        let at =
            |month, day| instant(NaiveDate::from_ymd_opt(2026, month, day).unwrap_or_default(), 19, 0) % DAY / HOUR;
        assert_eq!((at(7, 1), at(12, 1)), (17, 18));
    }

    #[test]
    fn an_hour_that_the_clock_jumps_over_is_the_next() {
        let night = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap_or_default();
        assert_eq!(instant(night, 2, 30), instant(night, 3, 30));
    }
}
