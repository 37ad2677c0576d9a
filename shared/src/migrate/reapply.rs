//! After a restore to an earlier moment: who was banned or erased since is so again, by the log of standings (ADR 22).

use std::{collections::BTreeMap, fmt, io::BufRead};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::Failure;
use crate::{
    outbox::{Emitted, Topic, told},
    standing_log::Line,
};

/// The reason that people read whose ban is applied again (M1). Texts are not in the log.
const REASON: &str = "You were banned; the reason was lost when the database was restored.";

/// What applying the log again changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// People who were erased again.
    pub erased: usize,
    /// People who were banned again, or until another time.
    pub banned: usize,
    /// People whose ban had been lifted since.
    pub lifted: usize,
    /// People of the log of whom the database knows nothing: they came after its moment.
    pub unknown: usize,
}

impl fmt::Display for Reapplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { erased, banned, lifted, unknown } = self;
        write!(
            f,
            "{erased} erased, {banned} banned, {lifted} bans lifted, as they were; {unknown} people are not in this database"
        )
    }
}

/// The last line of each person, by the person's hash.
pub type Standings = BTreeMap<String, Line>;

/// The last standing of each person whom `log` tells of, in its order. Lines of other things are passed over.
///
/// # Errors
/// `Config` with the number of a line that is not whole, or cannot be read.
pub fn standings(log: impl BufRead) -> Result<Standings, Failure> {
    let mut last = Standings::new();
    for (number, line) in log.lines().enumerate() {
        let broken = |error: &dyn fmt::Display| Failure::Config(format!("line {} of the log: {error}", number + 1));
        let line = line.map_err(|error| broken(&error))?;
        if let Some(line) = Line::parse(&line).map_err(|error| broken(&error))? {
            last.insert(line.person.clone(), line);
        }
    }
    Ok(last)
}

/// Makes the standing of everybody what the log says, in one transaction, and tells the services.
///
/// # Errors
/// Whatever the database says. Nothing was changed.
#[allow(clippy::disallowed_methods, reason = "no call, no caller: as of a migration, all or nothing is applied")]
pub async fn reapply(conn: &mut PgConnection, standings: &Standings) -> Result<Reapplied, Failure> {
    let mut tx = conn.begin().await?;
    let mut done = Reapplied::default();
    let hashes: Vec<&String> = standings.keys().collect();
    let known: Vec<(String, Uuid)> = sqlx::query_as(
        "select crewup.person_hash(id), id from users where crewup.person_hash(id) = any($1) order by id",
    )
    .bind(&hashes)
    .fetch_all(&mut *tx)
    .await?;
    done.unknown = standings.len() - known.len();
    let mut changed = Vec::new();
    for (hash, person) in known {
        let Some(line) = standings.get(&hash) else { continue };
        let state: Option<String> = sqlx::query_scalar("select state from crewup.enter($1, '{}')")
            .bind(person)
            .fetch_optional(&mut *tx)
            .await?;
        let is_changed = match (line.standing.as_str(), state.as_deref()) {
            (_, Some("erased")) => false,
            ("erased", _) => {
                sqlx::query("select crewup.erase($1)").bind(person).execute(&mut *tx).await?;
                done.erased += 1;
                true
            }
            ("banned", _) if ban(&mut tx, person, line.until, REASON).await? => {
                done.banned += 1;
                true
            }
            ("active" | "deactivated", _) if lift(&mut tx, person).await? => {
                done.lifted += 1;
                true
            }
            _ => false,
        };
        if is_changed {
            changed.push(person);
        }
    }
    tell(&mut tx, &changed).await?;
    tx.commit().await?;
    Ok(done)
}

/// Tells the services whose standing changed (M5, U8).
pub(super) async fn tell(db: &mut PgConnection, people: &[Uuid]) -> Result<(), Failure> {
    let standing = |key: &Uuid| Emitted { topic: Topic::UserStanding, key: *key, subject: None };
    let changed: Vec<_> = people.iter().map(standing).collect();
    if !changed.is_empty() {
        db.execute(AssertSqlSafe(told(&changed))).await?;
    }
    Ok(())
}

/// Bans until then, unless that is how it is, or over. A ban in force gets another version (M2). Nobody is known to have made
/// it: the row names the person, so that any moderator may decide an appeal (M9).
pub(super) async fn ban(
    db: &mut PgConnection,
    person: Uuid,
    until: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<bool, Failure> {
    let made = sqlx::query(
        "with wanted as (
             select where ($2::timestamptz is null or $2 > crewup.now()) and not exists (
                 select from bans b where b.user_id = $1 and b.ended_at is null and b.expires_at is not distinct from $2)
         ), ended as (
             update bans b set ended_at = greatest(crewup.now(), b.created_at) from wanted
             where b.user_id = $1 and b.ended_at is null
             returning b.root_id, coalesce(b.expires_at > crewup.now(), true) as in_force
         ), id as (select gen_random_uuid() as id)
         insert into bans (id, root_id, user_id, violation, reason, expires_at, created_by, created_at)
         select id.id, coalesce((select root_id from ended where in_force), id.id), $1, 'other', $3, $2, $1, crewup.now()
         from wanted, id",
    )
    .bind(person)
    .bind(until)
    .bind(reason)
    .execute(db)
    .await?;
    Ok(made.rows_affected() > 0)
}

async fn lift(db: &mut PgConnection, person: Uuid) -> Result<bool, Failure> {
    let lifted = sqlx::query(
        "update bans set ended_at = greatest(crewup.now(), created_at) where user_id = $1 and ended_at is null",
    )
    .bind(person)
    .execute(db)
    .await?;
    Ok(lifted.rows_affected() > 0)
}
