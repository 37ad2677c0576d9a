//! The demo city: a migrated database filled with a Zürich that looks real, in seconds.
//!
//! **Owns** nothing: it writes, once and into an empty database, as the role that owns the schema. **Promises** the
//! same rows for the same seed, sizes and time on every machine, and that they keep every rule ([`check`] says so by
//! SQL, of any database). **Never** adds to a database that has people or events.
//!
//! Its SQL is checked when it runs, not when it is compiled: nearly all of it is `copy`, `alter table` and `analyze`,
//! which cannot be prepared, and the rest belongs to no service whose `.sqlx` it should be in.

mod answers;
mod calendar;
mod check;
mod city;
mod crews;
mod demo;
mod dice;
mod door;
mod events;
mod load;
mod people;
mod ratings;
mod rows;
mod trouble;
mod venues;
mod words;

pub use check::check;

use chrono::{DateTime, Utc};
use city::City;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use std::fmt;

/// The smallest number of people that makes a city: the demo people and some to meet.
pub const FEWEST_PEOPLE: u32 = 20;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Another seed is another city.
    pub seed: u64,
    /// How many people, at least [`FEWEST_PEOPLE`]; the six demo people are among them.
    pub people: u32,
    /// How many events, those around the demo people included.
    pub events: u32,
    /// The time at which the city is seen; `crewup.now()`, truncated to the hour, if it is not told.
    pub now: Option<DateTime<Utc>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, people: 4000, events: 20_000, now: None }
    }
}

/// How many rows were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of `users`.
    pub people: u64,
    /// Rows of `events`.
    pub events: u64,
    /// Rows of `event_attendees`.
    pub answers: u64,
    /// Rows of `event_waitlist`.
    pub waiting: u64,
    /// Rows of `event_access`.
    pub access: u64,
    /// Rows of `ratings`.
    pub ratings: u64,
    /// Rows of `user_blocks`.
    pub blocks: u64,
    /// Rows of `groups`.
    pub crews: u64,
    /// Rows of `messages`.
    pub messages: u64,
    /// Rows of `alert_batches`.
    pub alerts: u64,
    /// Rows of `reports`.
    pub reports: u64,
    /// Rows of `bans`.
    pub bans: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, events, answers, waiting, access, ratings, blocks, crews, messages, .. } = self;
        write!(
            f,
            "{people} people, {events} events, {answers} answers, {waiting} waiting, {access} with access to private \
             events, {ratings} ratings, {blocks} blocks, {crews} crews, {messages} messages, {} alerts, {} reports, {} bans",
            self.alerts, self.reports, self.bans
        )
    }
}

/// Why there is no city, or none that keeps the rules.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A size or the time is not possible.
    #[error("{0}")]
    Options(String),
    /// The tables are not there.
    #[error("the database is not migrated: run `crewup-migrate up` first")]
    NotMigrated,
    /// Somebody is there already.
    #[error("the database has people or events already: only an empty one is filled")]
    NotEmpty,
    /// A rule does not hold.
    #[error("{rule} is violated: {says} (first seen at {row})")]
    Violated {
        /// The id of the rule.
        rule: &'static str,
        /// What does not hold.
        says: &'static str,
        /// The ids of the first row that violates it.
        row: String,
    },
    /// The database could not be reached or refused something.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl Failure {
    /// The exit code of a process that ends with this, as in `sysexits.h`; 1 for a violated rule.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Violated { .. } => 1,
            Self::Options(_) => 64,
            Self::NotEmpty => 65,
            Self::Database(_) => 69,
            Self::NotMigrated => 78,
        }
    }
}

/// Fills an empty, migrated database, all or nothing. The connection is of the role that owns the schema.
///
/// # Errors
/// [`Failure::NotMigrated`], [`Failure::NotEmpty`], [`Failure::Options`], or whatever the database refuses.
#[allow(
    clippy::disallowed_methods,
    reason = "no call of a service: an empty database has nobody to enter for, and the tables are locked instead"
)]
pub async fn fill(conn: &mut PgConnection, options: &Options) -> Result<Counts, Failure> {
    must_be_migrated(conn).await?;
    let mut tx = conn.begin().await?;
    // Whoever comes second, another seed or the first call of a service, sees what this one has written.
    sqlx::query("lock table public.users, public.events in share row exclusive mode").execute(&mut *tx).await?;
    let taken: bool =
        sqlx::query_scalar("select exists (select from public.users) or exists (select from public.events)")
            .fetch_one(&mut *tx)
            .await?;
    if taken {
        return Err(Failure::NotEmpty);
    }
    let city = imagine(&mut tx, options).await?;
    let counts = load::load(&mut tx, &city).await?;
    tx.commit().await?;
    sqlx::query(
        "analyze public.users, public.user_roles, public.user_blocks, public.events, public.event_seats,
                 public.event_attendees, public.event_waitlist, public.event_access, public.ratings,
                 public.groups, public.group_seats, public.group_members, public.messages, public.timeline",
    )
    .execute(conn)
    .await?;
    Ok(counts)
}

async fn imagine(conn: &mut PgConnection, options: &Options) -> Result<City, Failure> {
    if options.people < FEWEST_PEOPLE {
        return Err(Failure::Options(format!("a city needs at least {FEWEST_PEOPLE} people")));
    }
    let clock: DateTime<Utc> = sqlx::query_scalar("select crewup.now()").fetch_one(conn).await?;
    let now = match options.now {
        None => clock.timestamp() / 3600 * 3600,
        Some(now) if now > clock => {
            return Err(Failure::Options(format!("{} is after the database's now", now.to_rfc3339())));
        }
        Some(now) => now.timestamp(),
    };
    Ok(City::imagine(options.seed, options.people as usize, options.events as usize, now))
}

async fn must_be_migrated(conn: &mut PgConnection) -> Result<(), Failure> {
    let migrated: bool = sqlx::query_scalar(
        "select to_regprocedure('crewup.now()') is not null and to_regclass('public.moderation_log') is not null",
    )
    .fetch_one(conn)
    .await?;
    if migrated { Ok(()) } else { Err(Failure::NotMigrated) }
}
