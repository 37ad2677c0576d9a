//! `crewup-migrate adopt`: a database that another program made with the reference schema is taken over whole (ADR 20).

use std::collections::BTreeSet;

use crewup_proto::event::AttendanceStatus;
use crewup_shared::migrate::{self, Failure, MIGRATOR, adopt};
use crewup_tests::{
    Mesh,
    cluster::{self, TestDb},
    refusal::reason,
};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use uuid::Uuid;

const ZONE: &str = "Europe/Berlin";

/// What a program does to a schema over the years.
const DRIFT: &str = "
set timezone = 'Europe/Berlin';
alter table users
    add column is_banned boolean default false,
    add column phone text,
    alter column reputation drop default;
create table push_tokens (user_id uuid references users (id), token text);
drop view user_reputation;
drop trigger trg_events_updated on events;
drop index idx_messages_group_sent;
create index ix_users_email on users (email);
alter table messages
    drop constraint messages_sender_id_fkey,
    add constraint messages_sender_id_fkey foreign key (sender_id) references users (id),
    alter column sent_at type timestamptz;
alter table ratings drop constraint ratings_rating_check;
alter table events alter column event_start type timestamp, alter column name type varchar(300);
create type attendance as enum ('going', 'interested', 'not_going');
alter table event_attendees
    drop constraint event_attendees_status_check,
    alter column status drop default;
alter table event_attendees alter column status type attendance using status::attendance;
alter table event_attendees alter column status set default 'going';
";

/// A night in July with one seat, to which two go; a row in every table, times of summer and winter.
const ROWS: &str = "
insert into users (id, keycloak_id, email, first_name, last_name, is_banned, phone, created_at, updated_at)
values (uuid(1), 'k1', 'e1', 'Ada', 'l', false, '1', '2025-01-10 09:00', '2025-07-10 09:00'),
    (uuid(2), 'k2', 'e2', 'Bo', 'l', true, '2', '2025-01-10 09:00', '2025-01-10 09:00'),
    (uuid(3), 'k3', 'e3', 'Cy', 'l', null, '3', '2025-01-10 09:00', '2025-01-10 09:00');
insert into push_tokens values (uuid(1), 't');
insert into events (id, creator_id, name, address, event_start, event_end, max_attendees, created_at)
values (uuid(4), uuid(1), 'n', 'a', '2030-07-01 20:00', '2030-07-01 23:00+02', 1, '2025-07-10 09:00');
insert into event_attendees (event_id, user_id, status)
values (uuid(4), uuid(1), 'going'), (uuid(4), uuid(2), 'going'), (uuid(4), uuid(3), 'interested');
insert into groups (id, event_id, name) values (uuid(5), uuid(4), 'g');
insert into group_members (group_id, user_id, is_admin) values (uuid(5), uuid(1), true), (uuid(5), uuid(2), false), (uuid(5), uuid(3), false);
insert into messages (group_id, sender_id, content, sent_at) values (uuid(5), uuid(1), 'Hi', '2025-07-10 09:00+02');
insert into ratings (rated_user_id, rater_user_id, rating, event_id) values (uuid(1), uuid(2), 4, uuid(4));
insert into safety_alerts (user_id, group_id, created_at, resolved_at)
values (uuid(3), uuid(5), '2025-07-10 09:00', '2025-07-10 09:05');
";

const ALL_ROWS: &str =
    "users 3, events 1, groups 1, group_members 3, messages 1, ratings 1, safety_alerts 1, event_attendees 3";

/// What `uuid(n)` makes, whose digits are taken for hexadecimal ones.
fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// A database with the reference schema and no migration table.
async fn reference() -> (TestDb, PgConnection) {
    let db = cluster::empty().await;
    let mut conn = migrate::connect(&db.url()).await.unwrap();
    conn.execute(AssertSqlSafe(MIGRATOR.iter().next().unwrap().sql.as_str().to_owned())).await.unwrap();
    let uuid = "create function uuid(n integer) returns uuid language sql return lpad(n::text, 32, '0')::uuid";
    conn.execute(uuid).await.unwrap();
    (db, conn)
}

/// As [`reference`], after [`DRIFT`] and with [`ROWS`].
async fn old() -> (TestDb, PgConnection) {
    let (db, mut conn) = reference().await;
    conn.execute(DRIFT).await.unwrap();
    conn.execute(ROWS).await.unwrap();
    let conn = migrate::connect(&db.url()).await.unwrap();
    (db, conn)
}

async fn texts(conn: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(conn).await.unwrap()
}

/// Every column, constraint, index, trigger, view and grant of `public`.
async fn catalog(conn: &mut PgConnection) -> BTreeSet<String> {
    let sql = "
        select concat_ws(' ', 'column', table_name, column_name, data_type, character_maximum_length, numeric_scale,
            is_nullable, column_default, generation_expression)
        from information_schema.columns where table_schema = 'public'
        union all
        -- PostgreSQL writes casts of a check that it parsed twice elsewhere.
        select concat_ws(' ', 'constraint', conrelid::regclass, conname,
            regexp_replace(pg_get_constraintdef(oid), '::text|::character varying|[][()]', '', 'g'))
        from pg_constraint where connamespace = 'public'::regnamespace
        union all
        select indexdef from pg_indexes where schemaname = 'public'
        union all
        select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
        union all
        select concat_ws(' ', 'view', viewname, definition) from pg_views where schemaname = 'public'
        union all
        select concat_ws(' ', 'grant', c.relname, a.grantee::regrole, a.privilege_type)
        from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'public'::regnamespace and a.grantee <> 0";
    texts(conn, sql).await.into_iter().collect()
}

fn refusal(answer: Result<migrate::Adopted, Failure>) -> String {
    let failure = answer.unwrap_err();
    assert_eq!(failure.exit_code(), 65, "{failure}");
    let line = failure.to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[tokio::test]
async fn e3_e8_an_old_database_is_taken_over_with_every_row_and_every_instant() {
    let (_db, mut conn) = old().await;
    let adopted = adopt(&mut conn, ZONE, false).await.unwrap();
    let rows: Vec<String> = adopted.rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    assert_eq!(rows.join(", "), ALL_ROWS);
    assert_eq!((adopted.banned, adopted.oversold, adopted.uninvited), (1, 1, 1));
    // Those without a time of their own were made now.
    let age = chrono::Utc::now() - adopted.newest.unwrap();
    assert!(age >= chrono::TimeDelta::zero() && age < chrono::TimeDelta::minutes(10), "{age}");
    let said: BTreeSet<&str> = adopted.differences.iter().map(String::as_str).collect();
    for expected in [
        "column users.is_banned is not of the reference: it becomes bans",
        "column users.phone is not of the reference: left alone",
        "table push_tokens is not of the reference: left alone",
        "index ix_users_email of users is not of the reference: left alone",
        "index idx_messages_group_sent of messages was missing: made",
        "default of users.reputation was missing: made",
        "view user_reputation was missing: made",
        "trigger trg_events_updated of events was missing: made",
        "check ratings_rating_check of ratings was missing: made",
        "check event_attendees_status_check of event_attendees was missing: made",
        "column events.name was character varying(300), now character varying(255)",
        "column events.event_start was timestamp without time zone, now timestamp with time zone",
        "column messages.sent_at was timestamp with time zone, now timestamp without time zone",
        "column event_attendees.status was attendance, now character varying(20)",
        "default of event_attendees.status was 'going'::attendance, now 'going'::character varying",
        "foreign key messages_sender_id_fkey of messages was FOREIGN KEY (sender_id) REFERENCES users(id), now FOREIGN \
         KEY (sender_id) REFERENCES users(id) ON DELETE CASCADE",
        "function uuid(n integer) is not of the reference: left alone",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said:#?}");
    }
    assert_eq!(said.len(), 17, "{said:#?}");

    conn.execute("set timezone = 'UTC'").await.unwrap();
    let instants = "
        select concat_ws(' ', created_at, updated_at) from users where id = uuid(1)
        union all select concat_ws(' ', created_at, event_start, event_end) from events
        union all select sent_at::text from messages
        union all select concat_ws(' ', created_at, resolved_at) from safety_alerts";
    assert_eq!(
        texts(&mut conn, instants).await,
        [
            "2025-01-10 08:00:00+00 2025-07-10 07:00:00+00",
            "2025-07-10 07:00:00+00 2030-07-01 18:00:00+00 2030-07-01 21:00:00+00",
            "2025-07-10 07:00:00+00",
            "2025-07-10 07:00:00+00 2025-07-10 07:05:00+00",
        ]
    );
    let rest = "
        select concat_ws(' ', phone, is_banned) from users where id = uuid(2)
        union all select token from push_tokens
        union all select concat_ws(' ', capacity, going, interested) from event_seats
        union all select concat_ws(' ', reputation, rating_count) from users where id = uuid(1)";
    assert_eq!(texts(&mut conn, rest).await, ["2 t", "t", "2 2 1", "4.00 1"]);
}

#[tokio::test]
async fn x12_what_was_adopted_is_the_schema_of_a_new_database_and_goes_on_with_up() {
    let (_db, mut conn) = old().await;
    adopt(&mut conn, ZONE, false).await.unwrap();
    migrate::up(&mut conn).await.unwrap();
    assert!(migrate::status(&mut conn).await.unwrap().iter().all(|step| step.applied));
    let new = cluster::empty().await;
    let mut fresh = migrate::connect(&new.url()).await.unwrap();
    migrate::up(&mut fresh).await.unwrap();
    let (expected, found) = (catalog(&mut fresh).await, catalog(&mut conn).await);
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let more: Vec<_> = found.difference(&expected).filter(|piece| !piece.contains("push_tokens")).collect();
    assert_eq!(
        more,
        ["CREATE INDEX ix_users_email ON public.users USING btree (email)", "column users phone text YES"],
    );
}

#[tokio::test]
async fn m1_m5_e8_services_serve_an_adopted_database_and_whom_it_bans_is_out() {
    let (db, mut conn) = old().await;
    for (n, name) in [(1, "host"), (2, "guest"), (3, "friend")] {
        let update = "update users set keycloak_id = $2 where id = $1";
        let subject = crewup_issuer::subject(name).to_string();
        sqlx::query(update).bind(id(n)).bind(subject).execute(&mut conn).await.unwrap();
    }
    adopt(&mut conn, ZONE, false).await.unwrap();
    let mesh = Mesh::with(db, crewup_tests::mesh::issuer().await, &[]).await;
    let (host, banned, other, late) =
        (mesh.person("host"), mesh.person("guest"), mesh.person("friend"), mesh.person("late"));
    let (event, crew) = (id(4).to_string(), id(5).to_string());
    assert_eq!(reason(banned.get(&event).await), "USER_BANNED");
    let ban = banned.my_ban().await.unwrap();
    assert!(ban.reason.starts_with("You were banned before"), "{ban:?}");

    // Two went, so there are two seats; the banned person's is free.
    mesh.settled().await;
    assert_eq!(host.get(&event).await.unwrap().going_count, 1);
    assert_eq!(other.go(&event).await.unwrap().status(), AttendanceStatus::Going);
    assert_ne!(late.go(&event).await.unwrap().status(), AttendanceStatus::Going);
    host.say(&crew, "Still here").await.unwrap();
    let read = host.read(&crew, None, 10).await.unwrap();
    assert_eq!(read.last_sequence, 3, "two messages, and one who left: {read:?}");
}

#[tokio::test]
async fn e20_whoever_comes_to_a_private_event_of_an_adopted_database_is_let_in() {
    let (db, mut conn) = reference().await;
    let everybody = ["host", "going", "interested", "member", "declined", "outsider"];
    for (n, name) in everybody.iter().enumerate() {
        sqlx::query(
            "insert into users (id, keycloak_id, email, first_name, last_name) values (uuid($1), $2, $3, 'f', 'l')",
        )
        .bind(i32::try_from(n).unwrap() + 1)
        .bind(crewup_issuer::subject(name).to_string())
        .bind(format!("{name}@crewup.test"))
        .execute(&mut conn)
        .await
        .unwrap();
    }
    conn.execute(
        "insert into events (id, creator_id, name, address, event_start, is_public)
         values (uuid(20), uuid(1), 'n', 'a', now() + interval '1 day', false);
         insert into event_attendees (event_id, user_id, status)
         values (uuid(20), uuid(2), 'going'), (uuid(20), uuid(3), 'interested'), (uuid(20), uuid(5), 'not_going');
         insert into groups (id, event_id, name) values (uuid(30), uuid(20), 'g');
         insert into group_members (group_id, user_id, is_admin) values (uuid(30), uuid(2), true), (uuid(30), uuid(4), false)",
    )
    .await
    .unwrap();
    let adopted = adopt(&mut conn, "UTC", false).await.unwrap();
    assert_eq!(adopted.let_in, 3);
    let mesh = Mesh::with(db, crewup_tests::mesh::issuer().await, &[]).await;
    let (event, crew) = (id(0x20).to_string(), id(0x30).to_string());
    for name in ["host", "going", "interested", "member"] {
        mesh.person(name).get(&event).await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }
    for name in ["declined", "outsider"] {
        assert_eq!(reason(mesh.person(name).get(&event).await), "NOT_FOUND", "{name}");
    }
    mesh.person("member").say(&crew, "Still here").await.unwrap();
}

#[tokio::test]
async fn e3_a_wrong_zone_is_told_by_the_rows_that_break_and_nothing_is_changed() {
    let (_db, mut conn) = old().await;
    // Made two hours before it starts: in a zone far enough west, it would start before it was made.
    conn.execute(
        "set timezone = 'Europe/Berlin';
         insert into events (id, creator_id, name, address, event_start, created_at)
         select uuid(90 + n), uuid(1), 'n', 'a', '2025-07-10 11:00', '2025-07-10 09:00' from generate_series(1, 3) n;
         alter table events alter column event_start type timestamptz using event_start at time zone 'Europe/Berlin'",
    )
    .await
    .unwrap();
    let before = catalog(&mut conn).await;
    let line = refusal(adopt(&mut conn, "America/New_York", false).await);
    assert!(line.contains("3 rows of events break events_check ((event_start > created_at))"), "{line}");
    assert!(line.contains("is America/New_York the zone"), "{line}");
    assert_eq!(catalog(&mut conn).await, before);
    let unchanged =
        texts(&mut conn, "select concat_ws(' ', created_at, is_banned) from users where id = uuid(2)").await;
    assert_eq!(unchanged, ["2025-01-10 09:00:00 t"]);

    conn.execute(
        "alter table users disable trigger user;
         update users set updated_at = now() at time zone 'Asia/Tokyo';
         alter table users enable trigger user",
    )
    .await
    .unwrap();
    let line = refusal(adopt(&mut conn, ZONE, false).await);
    assert!(line.contains("3 rows of users have updated_at in the future"), "{line}");
    let unknown = adopt(&mut conn, "Berlin", false).await.unwrap_err();
    assert_eq!(unknown.exit_code(), 64, "{unknown}");
}

#[tokio::test]
async fn x12_a_dry_run_says_the_same_and_takes_it_back() {
    let (_db, mut conn) = old().await;
    let before = catalog(&mut conn).await;
    let tried = adopt(&mut conn, ZONE, true).await.unwrap();
    assert_eq!(catalog(&mut conn).await, before);
    let done = adopt(&mut conn, ZONE, false).await.unwrap();
    assert_eq!(tried.to_string(), done.to_string());
}

#[tokio::test]
async fn x12_what_cannot_be_mended_is_named_all_at_once() {
    let (_db, mut conn) = reference().await;
    conn.execute(
        "alter table users drop column bio;
         alter table events alter column latitude type double precision;
         drop table ratings cascade",
    )
    .await
    .unwrap();
    let line = refusal(adopt(&mut conn, ZONE, false).await);
    for part in [
        "column users.bio is missing",
        "column events.latitude is double precision, not numeric(10,8)",
        "table ratings is missing",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }

    // What is in the way of a later migration; a value that does not fit.
    let (_db, mut conn) = reference().await;
    conn.execute("create table bans (id integer)").await.unwrap();
    let failure = adopt(&mut conn, ZONE, false).await.unwrap_err();
    assert!(failure.to_string().contains("\"bans\" already exists"), "{failure}");
    let (_db, mut conn) = reference().await;
    conn.execute(
        "alter table users alter column first_name type text;
         insert into users (keycloak_id, email, first_name, last_name) values ('k', 'e', repeat('x', 101), 'l')",
    )
    .await
    .unwrap();
    let line = refusal(adopt(&mut conn, ZONE, false).await);
    assert!(line.contains("column users.first_name: value too long"), "{line}");
}

#[tokio::test]
async fn x12_an_empty_a_migrated_and_a_used_database_are_refused() {
    let empty = cluster::empty().await;
    let mut conn = migrate::connect(&empty.url()).await.unwrap();
    let line = refusal(adopt(&mut conn, ZONE, false).await);
    assert!(line.contains("none of CrewUp's tables: use `up`"), "{line}");
    migrate::up(&mut conn).await.unwrap();
    let line = refusal(adopt(&mut conn, ZONE, false).await);
    assert!(line.contains("has migrations already"), "{line}");

    let (db, mut conn) = old().await;
    let mut program = db.connect().await;
    program.execute("begin; update users set bio = 'b'").await.unwrap();
    let line = refusal(adopt(&mut conn, ZONE, false).await);
    assert!(line.contains("something still uses the database"), "{line}");
    program.execute("rollback").await.unwrap();
    adopt(&mut conn, ZONE, false).await.unwrap();
}
