//! What the later migrations repair and add: over every table by the catalog, and on an adopted database with rows.

use crate::people::{event, id, users};
use crewup_shared::migrate::{MIGRATOR, up, up_with};
use crewup_tests::cluster;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// The names that a query over the catalog finds against a rule; there should be none.
async fn none(conn: &mut PgConnection, rule: &str, sql: &'static str) {
    let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(conn).await.unwrap();
    assert!(found.is_empty(), "{rule}: {found:?}");
}

#[tokio::test]
async fn e3_e4_the_schema_has_one_kind_of_time_and_names_one_clock() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    let sql = "select table_name || '.' || column_name from information_schema.columns
        where table_schema in ('public', 'crewup') and data_type in ('timestamp without time zone', 'date')";
    none(&mut conn, "instants are timestamptz", sql).await;
    let sql = "select table_name || '.' || column_name from information_schema.columns
        where table_schema = 'public' and table_name <> '_sqlx_migrations'
            and column_default ~* '(now|current_(date|time)|localtime|clock_|statement_time)' and column_default <> 'crewup.now()'";
    none(&mut conn, "defaults ask crewup.now()", sql).await;
    let sql = "select p.oid::regprocedure::text from pg_proc p
        where (p.pronamespace = 'crewup'::regnamespace and p.proname <> 'now' or p.proname = 'set_updated_at')
            and replace(p.prosrc, 'crewup.now()', '') ~* '(now\\(|current_time|clock_timestamp|localtime)'";
    none(&mut conn, "functions ask crewup.now()", sql).await;
}

#[tokio::test]
async fn flags_keys_and_times_are_never_null_and_every_foreign_key_of_the_reference_has_an_index() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    let sql = "select table_name || '.' || column_name from information_schema.columns
        where table_schema = 'public' and is_nullable = 'YES' and table_name in (
                'users', 'events', 'groups', 'group_members', 'messages', 'ratings', 'safety_alerts', 'event_attendees'
            )
            and (data_type = 'boolean' or column_default is not null
                or column_name in ('creator_id', 'event_id', 'group_id', 'sender_id', 'rated_user_id', 'rater_user_id',
                    'user_id', 'created_at', 'updated_at', 'status'))";
    none(&mut conn, "not null", sql).await;
    let sql = "select c.conname::text from pg_constraint c
        where c.contype = 'f' and c.confdeltype in ('c', 'n') and not exists (
            select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1]
        )";
    none(&mut conn, "foreign keys that delete or empty rows have an index", sql).await;
    let sql = "select c.conname::text from pg_constraint c
        where c.contype = 'f' and c.confdeltype = 'c' and c.conrelid::regclass::text not in (
            'events', 'groups', 'group_members', 'messages', 'ratings', 'safety_alerts', 'event_attendees',
            'outbox_claims'
        )";
    none(&mut conn, "no new key cascades from people or events", sql).await;
}

#[tokio::test]
async fn updated_at_moves_by_itself_and_revision_only_when_it_is_raised() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    users(&mut conn, 0..2).await;
    event(&mut conn, id(10), id(0)).await;
    conn.execute(AssertSqlSafe(format!(
        "insert into groups (id, event_id, name) values ('{group}', '{event}', 'g');
         insert into group_members (group_id, user_id) values ('{group}', '{person}');
         insert into messages (group_id, sender_id, content, sequence) values ('{group}', '{person}', 'c', 1);
         insert into alert_batches (id, user_id, state, raised_at, created_at, updated_at, expires_at)
         values ('{batch}', '{person}', 'active', crewup.now(), crewup.now(), crewup.now(), crewup.now());
         insert into safety_alerts (batch_id, group_id, user_id) values ('{batch}', '{group}', '{person}');
         insert into event_attendees (event_id, user_id) values ('{event}', '{person}');",
        group = id(20),
        batch = id(30),
        event = id(10),
        person = id(0),
    )))
    .await
    .unwrap();
    db.advance(chrono::Duration::hours(1)).await;
    for (table, change) in [
        ("users", "bio = 'b'"),
        ("events", "description = 'd'"),
        ("groups", "description = 'd'"),
        ("group_members", "is_admin = true"),
        ("messages", "content = 'd'"),
        ("safety_alerts", "message = 'm'"),
        ("event_attendees", "status = 'interested'"),
    ] {
        conn.execute(AssertSqlSafe(format!("update {table} set {change}"))).await.unwrap();
        let sql = format!("select bool_and(updated_at > crewup.now() - interval '1 minute') from {table}");
        let moved: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut conn).await.unwrap();
        assert!(moved, "{table}");
    }
    let revisions: Vec<i64> = sqlx::query_scalar(
        "select revision from users union all select revision from events union all select revision from groups",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(revisions, [1; 4]);
}

#[tokio::test]
async fn e2_an_event_without_an_end_is_over_after_24_hours_also_across_a_change_of_the_clock() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    // 25 October 2026 has 25 hours in Berlin.
    conn.execute("set timezone = 'Europe/Berlin'").await.unwrap();
    let right: bool = sqlx::query_scalar(
        "select crewup.effective_end(s, null) = '2026-10-25T20:00Z' and crewup.effective_end(s, s) = s
         from (values ('2026-10-24T20:00Z'::timestamptz)) t (s)",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(right);
}

#[tokio::test]
async fn e8_e11_e20_the_new_tables_refuse_what_must_not_be() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    users(&mut conn, 0..2).await;
    event(&mut conn, id(10), id(0)).await;
    let seats = "insert into event_seats (event_id, capacity, going, waiting) select id, ";
    let invitation = "insert into event_invitations
        (id, event_id, created_by, created_at, token_hash, invitee_id, max_uses, uses)
        select uuid_generate_v4(), id, creator_id, crewup.now(), ";
    let ban = "insert into bans (id, root_id, violation, user_id, reason, created_by, created_at, expires_at, ended_by)
        select uuid_generate_v4(), id, 'spam', id, ";
    for (constraint, sql) in [
        ("event_seats_check", format!("{seats} 2, 3, 0 from events")),
        ("event_seats_going_check", format!("{seats} 2, -1, 0 from events")),
        ("event_seats_waiting_check", format!("{seats} 2, 0, -1 from events")),
        ("event_invitations_check", format!("{invitation} null, null, null, 0 from events")),
        ("event_invitations_check", format!("{invitation} 'h', creator_id, null, 0 from events")),
        ("event_invitations_check1", format!("{invitation} 'h', null, 1, 2 from events")),
        ("events_cancelled_check", "update events set is_cancelled = true".into()),
        ("user_blocks_check", "insert into user_blocks select id, id, crewup.now() from users".into()),
        ("user_roles_role_check", "insert into user_roles select id, 'king', crewup.now() from users".into()),
        ("bans_reason_check", format!("{ban} 'too short', id, crewup.now(), null, null from users")),
        ("bans_check", format!("{ban} 'reasons enough', id, crewup.now(), crewup.now(), null from users")),
        ("bans_check1", format!("{ban} 'reasons enough', id, crewup.now(), null, id from users")),
        ("idx_bans_open", format!("{ban} 'reasons enough', id, crewup.now(), null, null from users, pg_am")),
    ] {
        let error = conn.execute(AssertSqlSafe(sql.clone())).await.expect_err(&sql);
        let name = error.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(name.as_deref(), Some(constraint), "{sql}: {error}");
    }
}

/// Rows as the reference schema allows them, with everything null that may be: an oversold event, one without a
/// limit, a cancelled one.
const OLD_ROWS: &str = "
set timezone = 'Asia/Tokyo';
insert into users (id, keycloak_id, email, first_name, last_name, reputation, is_active, created_at, updated_at)
values (uuid(1), 'k1', 'e1', 'José', 'l', null, null, null, '2020-01-02 03:04:05'),
    (uuid(2), 'k2', 'e2', 'f', 'l', 1, false, '2020-01-01', '2020-01-01');
insert into events (id, creator_id, name, address, event_start, max_attendees, is_public, is_cancelled, created_at)
values (uuid(3), uuid(1), 'oversold', 'a', '2030-01-01Z', 1, null, null, null),
    (uuid(4), uuid(1), 'unlimited', 'a', '2030-01-01Z', null, true, true, '2020-01-01');
insert into event_attendees (event_id, user_id, status)
values (uuid(3), uuid(1), 'going'), (uuid(3), uuid(2), null), (uuid(4), uuid(2), 'interested');
insert into ratings (rated_user_id, rater_user_id, rating, event_id)
values (uuid(1), uuid(2), 4, uuid(3)), (uuid(1), uuid(2), 5, uuid(4));
";

#[tokio::test]
async fn an_old_database_with_rows_is_repaired_without_losing_or_inventing_anything() {
    let db = cluster::empty().await;
    let mut conn = db.connect().await;
    up_with(&Migrator::with_migrations(MIGRATOR.iter().take(1).cloned().collect()), &mut conn).await.unwrap();
    conn.execute("create function uuid(n integer) returns uuid language sql return lpad(n::text, 32, '0')::uuid")
        .await
        .unwrap();
    conn.execute(OLD_ROWS).await.unwrap();
    up(&mut conn).await.unwrap();

    conn.execute("set timezone = 'UTC'").await.unwrap();
    let people: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', reputation, rating_count, is_active, created_at, updated_at, revision, search_text,
            crewup.user_state(id))
         from users order by id",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(
        people,
        [
            "4.50 2 t 2020-01-02 03:04:05+00 2020-01-02 03:04:05+00 1 jose l active",
            "0.00 0 f 2020-01-01 00:00:00+00 2020-01-01 00:00:00+00 1 f l deactivated",
        ]
    );
    let events: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', e.name, e.event_type, e.is_public, e.waitlist_enabled, e.time_zone,
            e.cancelled_at = e.updated_at, s.capacity, s.going, s.interested)
         from events e join event_seats s on s.event_id = e.id order by e.id",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(events, ["oversold other t t UTC 2 2 0", "unlimited other t f UTC t 0 1"]);
}

/// A row that belongs to nobody cannot be filled in, and is not thrown away.
#[tokio::test]
async fn an_old_row_without_its_key_stops_the_repair_and_is_left() {
    let db = cluster::empty().await;
    let mut conn = db.connect().await;
    up_with(&Migrator::with_migrations(MIGRATOR.iter().take(1).cloned().collect()), &mut conn).await.unwrap();
    conn.execute("insert into events (name, address, event_start) values ('n', 'a', '2030-01-01Z')").await.unwrap();
    let failure = up(&mut conn).await.unwrap_err();
    assert!(failure.to_string().contains("creator_id"), "{failure}");
    let rows: i64 = sqlx::query_scalar("select count(*) from events").fetch_one(&mut conn).await.unwrap();
    assert_eq!(rows, 1);
}
