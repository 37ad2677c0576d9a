//! The rows that the bench works on (bench/fill.sql), by their numbers.

use std::path::Path;

use rand::{RngExt as _, rngs::ThreadRng};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::Failure;

/// People who call: the first of all.
pub const CALLERS: u64 = 16_380;
/// Those of them who call again and again, so that each service remembers them.
const REGULARS: u64 = 2_048;
/// Ten callers who are in the same crews.
const CIRCLES: u64 = 1_638;
/// Every tenth crew is of an event to come.
const COMING: u64 = 10_000;
/// Events that are to come have the numbers from here on.
const FIRST_COMING: u64 = 850_000;
/// Where everybody is: the middle of the dense town, in degrees.
pub const TOWN: (f64, f64) = (47.3769, 8.5417);

/// The kinds of ids.
#[derive(Clone, Copy)]
pub enum Kind {
    Person = 1,
    Event = 2,
    Crew = 3,
}

/// The id of a row, as `bench.id` makes it.
pub fn id(kind: Kind, number: u64) -> Uuid {
    Uuid::from_u128((0x0190_0000 + kind as u128) << 96 | 0x7000 << 64 | 0x8000 << 48 | u128::from(number))
}

/// A regular caller.
pub fn regular(dice: &mut ThreadRng) -> u64 {
    dice.random_range(1..=REGULARS)
}

/// A public event that takes place.
pub fn event(dice: &mut ThreadRng) -> u64 {
    8 * dice.random_range(1..=125_000)
}

/// One of them that is to come.
pub fn coming(dice: &mut ThreadRng) -> u64 {
    FIRST_COMING + 8 * dice.random_range(1..=18_750)
}

/// A regular caller and one of the caller's six crews, of events to come.
pub fn member(dice: &mut ThreadRng) -> (u64, u64) {
    let crew = dice.random_range(1..=REGULARS / 10) + CIRCLES * dice.random_range(0..6);
    (in_circle(crew, dice.random_range(0..10)), 10 * crew)
}

/// The `at`th caller who could join a crew, and the crew; each once.
pub fn joining(at: u64) -> (u64, u64) {
    // The first crews are of tonight's events.
    let crew = CIRCLES + 1 + at / 10 % (COMING - CIRCLES);
    (in_circle(crew + 1, at % 10), 10 * crew)
}

/// The `at`th caller who is out tonight; each once.
pub fn in_need(at: u64) -> u64 {
    in_circle(1 + at / 10 % CIRCLES, at % 10)
}

/// The `at`th of the ten who are in a crew.
pub fn in_circle(crew: u64, at: u64) -> u64 {
    crew % CIRCLES * 10 + at + 1
}

/// The `at`th of the events that many want to go to at once.
pub fn hot(at: u64) -> u64 {
    FIRST_COMING + 8 * (at + 1) + 1
}

/// How many the hot events take.
pub const HOT_SEATS: u64 = 4_000;

/// The database of a run: a copy of the world.
pub struct World {
    options: PgConnectOptions,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// The name of the copy.
pub const RUN: &str = "bench";

impl World {
    /// Copies `world`, sets its clock back to when it was filled, and brings forward the events of tonight. `socket` is the
    /// folder of the server's socket.
    pub async fn copy(socket: &str, port: u16, world: &str) -> Result<Self, Failure> {
        let options = PgConnectOptions::new_without_pgpass().socket(socket).port(port).username("postgres");
        let mut conn = PgConnection::connect_with(&options.clone().database("postgres")).await?;
        // What a run left that was ended before its time.
        conn.execute("alter system reset all").await?;
        conn.execute("select pg_reload_conf()").await?;
        conn.execute(AssertSqlSafe(format!("drop database if exists {RUN} with (force)"))).await?;
        let sql = format!("create database {RUN} template {world} owner crewup strategy file_copy");
        conn.execute(AssertSqlSafe(sql)).await?;
        let world = Self { options: options.database(RUN), port };
        let mut conn = world.connect().await?;
        conn.execute(AssertSqlSafe(format!(
            "do $$ begin
                 execute format('create or replace function crewup.now() returns timestamptz language sql stable as %L',
                     format('select now() - interval %L', now() - (select at from bench.filled)));
             end $$;
             set session_replication_role = replica;
             update events set event_start = crewup.now() - interval '30 minutes', event_end = crewup.now() + interval '4 hours'
             where id in (select bench.id(2, {FIRST_COMING} + 10 * n) from generate_series(1, {CIRCLES}) n);
             update event_seats set capacity = {HOT_SEATS}
             where event_id in (select bench.id(2, {FIRST_COMING} + 8 * n + 1) from generate_series(1, 500) n);
             update events set max_attendees = {HOT_SEATS}, waitlist_enabled = false, is_public = true, is_cancelled = false,
                 cancelled_at = null
             where id in (select bench.id(2, {FIRST_COMING} + 8 * n + 1) from generate_series(1, 500) n);
             analyze events; analyze event_seats; checkpoint"
        )))
        .await?;
        Ok(world)
    }

    /// As a superuser.
    pub async fn connect(&self) -> Result<PgConnection, Failure> {
        Ok(PgConnection::connect_with(&self.options).await?)
    }

    /// For a service.
    pub fn url(&self, service: &str) -> String {
        format!("{}?sslmode=disable", self.address(service))
    }

    /// For a service that shows its certificate, and looks at PostgreSQL's.
    pub fn url_by_tls(&self, service: &str, mesh: &Path) -> String {
        let (address, mesh) = (self.address(service), mesh.display());
        let own = format!("sslcert={mesh}/{service}.crt&sslkey={mesh}/{service}.key");
        format!("{address}?sslmode=verify-full&sslrootcert={mesh}/ca.crt&{own}")
    }

    fn address(&self, service: &str) -> String {
        format!("postgres://crewup_{service}_login:crewup_dev_password@127.0.0.1:{}/{RUN}", self.port)
    }

    /// Runs statements that answer one number.
    pub async fn number(&self, sql: String) -> Result<i64, Failure> {
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connect().await?).await?)
    }

    /// Changes settings of the server while it runs.
    pub async fn configure(&self, settings: [&str; 2]) -> Result<(), Failure> {
        for setting in settings {
            self.execute(&format!("alter system {setting}")).await?;
        }
        self.execute("select pg_reload_conf()").await
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.connect().await?.execute(AssertSqlSafe(sql.to_owned())).await?;
        Ok(())
    }
}
