//! Taking over a database that another program made with the reference schema (ADR 20): compare it with migration 1, mend
//! what differs, read its times in the zone that they were written in, apply the other migrations. One transaction: either
//! all of it, or nothing was changed.

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, migrate::Migration};
use uuid::Uuid;

use super::{
    Failure, MIGRATOR, TABLE, TABLES,
    catalog::{Kind, Piece, pieces},
    create_roles,
    reapply::{ban, tell},
};

/// Where migration 1 is applied for comparison, until the end of the transaction.
const REFERENCE: &str = "crewup_reference";

const NAIVE: &str = "timestamp without time zone";
const ZONED: &str = "timestamp with time zone";

/// Newer than now by more than this, a time was not written in the zone that was told.
const SKEW: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// The reason that the banned read (M1). The old database has none.
const REASON: &str = "You were banned before this service took over the records of bans.";

/// What adopting found and did.
#[derive(Debug, Default)]
pub struct Adopted {
    /// Each difference from migration 1, and what was done about it.
    pub differences: Vec<String>,
    /// Rows by table, the same before and after.
    pub rows: Vec<(&'static str, i64)>,
    /// The newest time in the tables, as it was read. In a zone too far east everything is merely older.
    pub newest: Option<DateTime<Utc>>,
    /// People whose `is_banned` became a ban.
    pub banned: usize,
    /// Events to which more go than `max_attendees` says: their capacity is who goes (E8).
    pub oversold: i64,
    /// Members of crews who have no RSVP that says `going`. They stay members.
    pub uninvited: i64,
    /// How often somebody comes to a private event, thinks of it, or is in a crew for it: each has access to it (E20).
    pub let_in: u64,
}

impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        for (table, rows) in &self.rows {
            writeln!(f, "{table}: {rows} rows, all kept")?;
        }
        if let Some(newest) = self.newest {
            let newest = newest.format("%F %T UTC");
            writeln!(f, "the newest time is {newest}: if the database was used later than that, the zone is another")?;
        }
        writeln!(f, "{} bans carried over", self.banned)?;
        writeln!(f, "{} events are oversold: each has as many seats as people go to it", self.oversold)?;
        writeln!(f, "{} members of crews do not go to the event: they stay", self.uninvited)?;
        write!(
            f,
            "{} times somebody is let in to a private event, who comes to it, thinks of it, or is in a crew for it",
            self.let_in
        )
    }
}

/// Adopts the database, whose times without a zone were written in `zone`, a name of the IANA database. With `try_only`
/// everything is tried and taken back.
///
/// # Errors
/// `Adopt` with what is in the way, `Config` for an unknown zone, else whatever the database says. Nothing was changed.
#[allow(clippy::disallowed_methods, reason = "no call, no caller: a migration, of which all or nothing is applied")]
pub async fn adopt(conn: &mut PgConnection, zone: &str, try_only: bool) -> Result<Adopted, Failure> {
    let mut tx = conn.begin().await?;
    let adopted = within(&mut tx, zone).await?;
    if try_only {
        tx.rollback().await?
    } else {
        tx.commit().await?
    }
    Ok(adopted)
}

async fn within(db: &mut PgConnection, zone: &str) -> Result<Adopted, Failure> {
    // In UTC a time without a zone is compared as migration 2 reads it.
    db.execute("set local time zone 'UTC'; set local lock_timeout = '10s'").await?;
    let known: bool = sqlx::query_scalar("select exists (select from pg_timezone_names where name = $1)")
        .bind(zone)
        .fetch_one(&mut *db)
        .await?;
    if !known {
        return Err(Failure::Config(format!("{zone} is not a time zone that PostgreSQL knows, such as Europe/Berlin")));
    }
    hold(db).await?;
    let mut adopted = Adopted { rows: count(db).await?, ..Adopted::default() };

    let reference = reference(db).await?;
    let own = pieces(db, "public").await?;
    refuse_what_lacks(&reference, &own)?;
    // Times are converted without them, and then all are validated.
    for check in own.iter().filter(|piece| piece.kind == Kind::Check && reference.iter().any(|one| one.is_that(piece)))
    {
        run(db, check, check.unmake()).await?;
    }
    convert(db, &reference, &own, zone).await?;
    adopted.differences = mend(db, &reference, &own).await?;
    validate(db, &reference, zone).await?;
    adopted.newest = newest(db, &reference).await?;
    for check in reference.iter().filter(|piece| piece.kind == Kind::Check) {
        run(db, check, check.make()).await?;
    }

    let banned = take_bans(db, &own).await?;
    adopted.banned = banned.len();
    adopted.oversold = number(
        db,
        "select count(*) from events e where e.max_attendees
             < (select count(*) from event_attendees a where a.event_id = e.id and a.status = 'going')",
    )
    .await?;
    adopted.uninvited = number(
        db,
        "select count(*) from group_members m join groups g on g.id = m.group_id where not exists (
             select from event_attendees a where a.event_id = g.event_id and a.user_id = m.user_id and a.status = 'going')",
    )
    .await?;

    create_roles(db).await?;
    MIGRATOR.run_direct(Some(1), &mut *db, true).await?;
    MIGRATOR.run_direct(None, &mut *db, false).await?;
    adopted.let_in = let_in(db).await?;
    for person in &banned {
        ban(db, *person, None, REASON).await?;
    }
    tell(db, &banned).await?;
    let after = count(db).await?;
    if after != adopted.rows {
        return Err(Failure::Adopt(format!("rows were lost: {:?} became {after:?}", adopted.rows)));
    }
    Ok(adopted)
}

/// Locks the tables, so that nobody writes meanwhile; says so where there is nothing to adopt.
async fn hold(db: &mut PgConnection) -> Result<(), Failure> {
    let there: Vec<String> =
        sqlx::query_scalar("select t from unnest($1::text[]) t where to_regclass('public.' || t) is not null")
            .bind(TABLES.iter().chain([&TABLE]).map(ToString::to_string).collect::<Vec<_>>())
            .fetch_all(&mut *db)
            .await?;
    if there.iter().any(|table| table == TABLE) {
        return Err(Failure::Adopt("the database has migrations already: use `up`".into()));
    }
    if there.is_empty() {
        return Err(Failure::Adopt("the database has none of CrewUp's tables: use `up`".into()));
    }
    db.execute(AssertSqlSafe(format!("lock table {} in access exclusive mode", there.join(", ")))).await.map_err(
        |error| match error.as_database_error().and_then(|error| error.code()).as_deref() {
            Some("55P03") => Failure::Adopt("something still uses the database: stop it first".into()),
            _ => error.into(),
        },
    )?;
    Ok(())
}

/// The pieces of migration 1, of a copy beside the tables.
async fn reference(db: &mut PgConnection) -> Result<Vec<Piece>, Failure> {
    let first: &Migration = MIGRATOR.iter().next().ok_or_else(|| Failure::Adopt("there are no migrations".into()))?;
    db.execute("create extension if not exists \"uuid-ossp\" schema public").await?;
    db.execute(AssertSqlSafe(format!("create schema {REFERENCE}; set local search_path = {REFERENCE}, public")))
        .await?;
    db.execute(AssertSqlSafe(first.sql.as_str().to_owned())).await?;
    let pieces = pieces(db, REFERENCE).await?;
    db.execute(AssertSqlSafe(format!("set local search_path = public; drop schema {REFERENCE} cascade"))).await?;
    Ok(pieces)
}

/// Tables and columns cannot be invented, nor values of another kind.
fn refuse_what_lacks(reference: &[Piece], own: &[Piece]) -> Result<(), Failure> {
    let mut lacks = Vec::new();
    for piece in reference.iter().filter(|piece| matches!(piece.kind, Kind::Table | Kind::Column)) {
        match own.iter().find(|one| one.is_that(piece)) {
            None => lacks.push(format!("{} is missing", piece.title())),
            Some(one) if !converts(&one.definition, &piece.definition) => {
                lacks.push(format!("{} is {}, not {}", piece.title(), one.definition, piece.definition));
            }
            Some(_) => {}
        }
    }
    if lacks.is_empty() { Ok(()) } else { Err(Failure::Adopt(lacks.join("; "))) }
}

/// Whether values of one type become another's without a loss, or not at all.
fn converts(from: &str, to: &str) -> bool {
    // Of anything, such as an enum: PostgreSQL writes it out.
    let text = |name: &str| name == "text" || (name.starts_with("character varying") && !name.ends_with("[]"));
    let texts = |name: &str| name == "text[]" || (name.starts_with("character varying") && name.ends_with("[]"));
    let time = |name: &str| name == NAIVE || name == ZONED;
    let whole = |name: &str| ["smallint", "integer", "bigint"].contains(&name);
    from == to || text(to) || (texts(from) && texts(to)) || (time(from) && time(to)) || (whole(from) && whole(to))
}

/// Gives columns the types of migration 1. Times without a zone are read in `zone`: those that stay without one are UTC
/// afterwards, as migration 2 reads them.
async fn convert(db: &mut PgConnection, reference: &[Piece], own: &[Piece], zone: &str) -> Result<(), Failure> {
    let zone = zone.replace('\'', "''");
    for piece in reference.iter().filter(|piece| piece.kind == Kind::Column) {
        let Some(one) = own.iter().find(|one| one.is_that(piece)) else { continue };
        let (from, to) = (one.definition.as_str(), piece.definition.as_str());
        let name = &piece.name;
        let using = match (from, to) {
            (NAIVE, NAIVE) => format!(" using {name} at time zone '{zone}' at time zone 'UTC'"),
            (NAIVE, ZONED) => format!(" using {name} at time zone '{zone}'"),
            (ZONED, NAIVE) => format!(" using {name} at time zone 'UTC'"),
            _ if from == to => continue,
            // Assignment: what does not fit is an error.
            _ => String::new(),
        };
        let table = &piece.table;
        // A default would be converted, too; `mend` sets migration 1's.
        if from != to {
            let drop = format!("alter table {table} alter column {name} drop default");
            run(db, piece, Some(drop)).await?;
        }
        run(db, piece, Some(format!("alter table {table} alter column {name} type {to}{using}"))).await?;
    }
    Ok(())
}

/// Makes what is missing, and again what has the name and is another; checks are for later. Answers every difference.
async fn mend(db: &mut PgConnection, reference: &[Piece], own: &[Piece]) -> Result<Vec<String>, Failure> {
    let mut differences = Vec::new();
    for piece in reference {
        let title = piece.title();
        let make = |piece: &Piece| if piece.kind == Kind::Check { None } else { piece.make() };
        match own.iter().find(|one| one.is_that(piece)) {
            None => {
                run(db, piece, make(piece)).await?;
                differences.push(format!("{title} was missing: made"));
            }
            Some(one) if one.definition != piece.definition => {
                differences.push(format!("{title} was {}, now {}", one.definition, piece.definition));
                if piece.kind == Kind::Column || piece.kind == Kind::Check {
                    continue;
                }
                run(db, one, one.unmake()).await?;
                run(db, piece, make(piece)).await?;
            }
            // Its column's type was changed, and it went with that.
            Some(_) if piece.kind == Kind::Default => run(db, piece, make(piece)).await?,
            Some(_) => {}
        }
    }
    let known = |table: &str| reference.iter().any(|one| one.kind == Kind::Table && one.name == table);
    for piece in own.iter().filter(|piece| !reference.iter().any(|one| one.is_that(piece))) {
        // Of a table of somebody else, the table says it all; of a column, the column.
        let of_more = match piece.kind {
            Kind::Table | Kind::View | Kind::Function | Kind::Column => !piece.table.is_empty() && !known(&piece.table),
            Kind::NotNull | Kind::Default => true,
            _ => !known(&piece.table),
        };
        if is_flag(piece) {
            differences.push(format!("{} is not of the reference: it becomes bans", piece.title()));
        } else if !of_more {
            differences.push(format!("{} is not of the reference: left alone", piece.title()));
        }
    }
    Ok(differences)
}

/// Counts the rows that break a check of migration 1, and those that are from the future.
async fn validate(db: &mut PgConnection, reference: &[Piece], zone: &str) -> Result<(), Failure> {
    let mut broken = Vec::new();
    for check in reference.iter().filter(|piece| piece.kind == Kind::Check) {
        let rule = check.definition.trim_start_matches("CHECK ");
        let rows = number(db, &format!("select count(*) from {} where {rule} is false", check.table)).await?;
        if rows > 0 {
            broken.push(format!("{rows} rows of {} break {} {rule}", check.table, check.name));
        }
    }
    // crewup.now() is not there yet.
    let latest = (crate::clock::utc() + SKEW).to_rfc3339();
    for time in reference.iter().filter(|piece| piece.kind == Kind::Column && piece.definition == NAIVE) {
        let (table, column) = (&time.table, &time.name);
        let sql = format!("select count(*) from {table} where {column} > '{latest}'::timestamptz at time zone 'UTC'");
        let rows = number(db, &sql).await?;
        if rows > 0 {
            broken.push(format!("{rows} rows of {table} have {column} in the future"));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Adopt(format!("{}; is {zone} the zone in which the times were written?", broken.join("; "))))
}

/// The newest of all times that have no zone, which are UTC now.
async fn newest(db: &mut PgConnection, reference: &[Piece]) -> Result<Option<DateTime<Utc>>, Failure> {
    let times = reference.iter().filter(|piece| piece.kind == Kind::Column && piece.definition == NAIVE);
    let times: Vec<_> = times.map(|time| format!("select max({}) as at from {}", time.name, time.table)).collect();
    let sql = format!("select max(at) at time zone 'UTC' from ({}) t", times.join(" union all "));
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await?)
}

/// A column that the known system has and the reference does not.
fn is_flag(piece: &Piece) -> bool {
    piece.kind == Kind::Column && piece.table == "users" && piece.name == "is_banned"
}

/// Who is banned by `users.is_banned`, which goes: migration 3 makes one that follows the bans.
async fn take_bans(db: &mut PgConnection, own: &[Piece]) -> Result<Vec<Uuid>, Failure> {
    let Some(flag) = own.iter().find(|piece| is_flag(piece)) else { return Ok(Vec::new()) };
    if flag.definition != "boolean" {
        return Err(Failure::Adopt(format!("{} is {}, not boolean", flag.title(), flag.definition)));
    }
    let banned = sqlx::query_scalar("select id from users where is_banned order by id").fetch_all(&mut *db).await?;
    run(db, flag, Some("alter table users drop column is_banned".into())).await?;
    Ok(banned)
}

/// Gives access to private events (E20), of which the old database knew nothing: it let in whoever was there.
async fn let_in(db: &mut PgConnection) -> Result<u64, Failure> {
    let sql = "insert into event_access (event_id, user_id, created_at)
        select e.id, p.user_id, crewup.now()
        from events e
        join (
            select a.event_id, a.user_id from event_attendees a where a.status in ('going', 'interested')
            union
            select g.event_id, m.user_id from group_members m join groups g on g.id = m.group_id
        ) p on p.event_id = e.id
        where not e.is_public and p.user_id <> e.creator_id";
    Ok(db.execute(sql).await?.rows_affected())
}

/// The rows of each table of the reference.
async fn count(db: &mut PgConnection) -> Result<Vec<(&'static str, i64)>, Failure> {
    let mut rows = Vec::new();
    for table in TABLES {
        let there = number(db, &format!("select (to_regclass('public.{table}') is not null)::integer::bigint")).await?;
        if there == 1 {
            rows.push((table, number(db, &format!("select count(*) from {table}")).await?));
        }
    }
    Ok(rows)
}

async fn number(db: &mut PgConnection, sql: &str) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(db).await?)
}

/// Runs a statement about `piece`, whose failure names it.
async fn run(db: &mut PgConnection, piece: &Piece, sql: Option<String>) -> Result<(), Failure> {
    let Some(sql) = sql else { return Ok(()) };
    match db.execute(AssertSqlSafe(sql)).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) => Err(Failure::Adopt(format!("{}: {}", piece.title(), error.message()))),
        Err(error) => Err(error.into()),
    }
}
