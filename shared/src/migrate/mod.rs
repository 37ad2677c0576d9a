//! Migrations (X12): they run once, by a command of their own (`crewup-migrate`), and are embedded in it.
//!
//! The services only ask whether the schema has at least their migrations; they never migrate.

mod adopt;
mod catalog;
mod command;
mod reapply;
mod roles;

pub use adopt::{Adopted, adopt};
pub use command::run_command;
pub use reapply::{Reapplied, Standings, reapply, standings};
pub use roles::{Login, SERVICES, create_logins, create_roles};

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::collections::HashSet;
use std::time::Duration;

/// Every migration of this build, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// What sqlx calls its table.
const TABLE: &str = "_sqlx_migrations";

/// The tables of the reference.
const TABLES: [&str; 8] =
    ["users", "events", "groups", "group_members", "messages", "ratings", "safety_alerts", "event_attendees"];

/// Why a command did not do what it was asked for. Each has its exit code, as in `sysexits.h`.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A value of the environment or the command line is missing or wrong.
    #[error("{0}")]
    Config(String),
    /// The tables are there, but nothing says which migrations made them.
    #[error("the database has CrewUp's tables but no migration table: `crewup-migrate adopt` takes it over")]
    Unadopted,
    /// The database cannot be adopted as it is, or not in that zone; nothing was changed.
    #[error("not adopted, and nothing was changed: {0}")]
    Adopt(String),
    /// A later release has migrated this database; migrating is forward only.
    #[error("the database is at migration {database}, ahead of this binary, which knows {own}")]
    Ahead {
        /// The newest migration that was applied.
        database: i64,
        /// The newest one that is embedded here.
        own: i64,
    },
    /// A file was edited after it had been applied, so the database is not what the file says.
    #[error("migration {0} was changed after it was applied")]
    Changed(i64),
    /// `wait` gave up.
    #[error("the schema was not at migration {own} within {seconds} s: {seen}")]
    Timeout {
        /// The migration that was waited for.
        own: i64,
        /// How long.
        seconds: u64,
        /// What was seen last.
        seen: String,
    },
    /// The database could not be reached or refused something.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed and was rolled back.
    #[error("{0}")]
    Migration(MigrateError),
}

impl Failure {
    /// The exit code of a process that ends with this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 64,
            Self::Unadopted | Self::Adopt(_) => 65,
            Self::Database(_) => 69,
            Self::Changed(_) | Self::Migration(_) => 70,
            Self::Timeout { .. } => 75,
            Self::Ahead { .. } => 78,
        }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(database) if database > latest() => Self::Ahead { database, own: latest() },
            MigrateError::VersionMismatch(version) => Self::Changed(version),
            MigrateError::Execute(error) => Self::Database(error),
            other => Self::Migration(other),
        }
    }
}

/// One line of `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number in the file's name.
    pub version: i64,
    /// The rest of it.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// The newest migration of this build.
#[must_use]
pub fn latest() -> i64 {
    MIGRATOR.iter().map(|m| m.version).max().unwrap_or(0)
}

/// Connects to migrate. The schema `crewup` has the name of the role that usually migrates, and by the default
/// search path (`"$user", public`) sqlx would look for its own table there: the path is fixed to `public`.
///
/// # Errors
/// If the address is malformed (`Config`) or the database cannot be reached.
pub async fn connect(url: &str) -> Result<PgConnection, Failure> {
    let options: PgConnectOptions =
        url.parse().map_err(|_| Failure::Config("DATABASE_URL is not a PostgreSQL address".into()))?;
    Ok(options.options([("search_path", "public")]).connect().await?)
}

/// Applies what is missing, under sqlx's lock, so that two at once do it once. Creates the services' roles first,
/// because the grants name them.
///
/// # Errors
/// `Unadopted` and `Ahead` before anything is changed; else whatever the database says.
pub async fn up(conn: &mut PgConnection) -> Result<(), Failure> {
    up_with(&MIGRATOR, conn).await
}

/// As [`up`], with other migrations than this build's.
///
/// # Errors
/// As [`up`].
pub async fn up_with(migrator: &Migrator, conn: &mut PgConnection) -> Result<(), Failure> {
    refuse_unadopted(conn).await?;
    let own = migrator.iter().map(|m| m.version).max().unwrap_or(0);
    if let Some(database) = applied(conn).await?.into_iter().max().filter(|version| *version > own) {
        return Err(Failure::Ahead { database, own });
    }
    create_roles(conn).await?;
    migrator.run_direct(None, conn, false).await?;
    Ok(())
}

/// Every migration of this build, and whether the database has it.
///
/// # Errors
/// If the database cannot be read.
pub async fn status(conn: &mut PgConnection) -> Result<Vec<Step>, Failure> {
    let applied = applied(conn).await?;
    let step = |m: &sqlx::migrate::Migration| Step {
        version: m.version,
        name: m.description.to_string(),
        applied: applied.contains(&m.version),
    };
    Ok(MIGRATOR.iter().map(step).collect())
}

/// Waits until the schema has at least this build's migrations; later ones are fine. A database that is not there
/// yet is waited for as well.
///
/// # Errors
/// `Timeout` with what was seen last; `Config` at once if the address is malformed.
pub async fn wait(url: &str, timeout: Duration) -> Result<(), Failure> {
    const PAUSE: Duration = Duration::from_millis(200);
    let own = latest();
    let mut seen = "no answer".to_owned();
    let poll = async {
        loop {
            match newest(url).await {
                Ok(Some(version)) if version >= own => return Ok(()),
                Ok(Some(version)) => seen = format!("it is at {version}"),
                Ok(None) => seen = "it has no migrations".to_owned(),
                Err(Failure::Config(why)) => return Err(Failure::Config(why)),
                Err(why) => seen = why.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(timeout, poll).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::Timeout { own, seconds: timeout.as_secs(), seen }),
    }
}

/// The newest applied migration, over a connection of its own.
async fn newest(url: &str) -> Result<Option<i64>, Failure> {
    let mut conn = connect(url).await?;
    let newest = applied(&mut conn).await?.into_iter().max();
    conn.close().await?;
    Ok(newest)
}

/// The versions that the database has; none if it was never migrated.
async fn applied(conn: &mut PgConnection) -> Result<HashSet<i64>, Failure> {
    let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(format!("public.{TABLE}"))
        .fetch_one(&mut *conn)
        .await?;
    if !exists {
        return Ok(HashSet::new());
    }
    Ok(conn.list_applied_migrations(TABLE).await?.into_iter().map(|m| m.version).collect())
}

/// One statement, one snapshot: another `up` that makes the migration table and then the others meanwhile is seen
/// either not at all or with its migration table.
async fn refuse_unadopted(conn: &mut PgConnection) -> Result<(), Failure> {
    let unadopted: bool = sqlx::query_scalar(
        "select count(*) filter (where c.relname <> $1) > 0 and count(*) filter (where c.relname = $1) = 0
         from pg_class c
         where c.relnamespace = 'public'::regnamespace
            and (c.relname = $1 or c.relname = any ($2))",
    )
    .bind(TABLE)
    .bind(TABLES.map(str::to_owned))
    .fetch_one(conn)
    .await?;
    if unadopted { Err(Failure::Unadopted) } else { Ok(()) }
}
