//! X11: a service can do what it needs, and nothing to the tables of another. Tried with each login.

use std::collections::{BTreeMap, BTreeSet};

use crate::people::{event, id, users};
use crewup_shared::migrate::{Login, SERVICES, create_logins, create_roles};
use crewup_tests::cluster::{self, TestDb};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// What each service must be able to do; nothing of it matches a row, the grants are asked all the same.
const ALLOWED: &[(&str, &str)] = &[
    ("user", "update users set bio = 'b', claims_iat = crewup.now(), revision = revision + 1"),
    ("user", "insert into users (keycloak_id, email, first_name, last_name) values ('k', 'e', 'f', 'l')"),
    ("user", "update ratings set comment = null"),
    ("user", "delete from ratings"),
    ("user", "delete from user_blocks"),
    ("user", "update user_roles set seen_at = crewup.now()"),
    ("event", "update events set name = 'n', deleted_at = crewup.now(), revision = revision + 1"),
    ("event", "update event_seats set going = 0, waiting = 0"),
    ("event", "update event_attendees set status = 'going'"),
    ("event", "delete from event_waitlist"),
    ("event", "delete from event_access"),
    ("event", "update event_invitations set uses = uses + 1, revoked_at = crewup.now()"),
    ("event", "select from events where search_text %> crewup.fold('Ä') and crewup.distance_m(0, 0, 1, 1) > 0"),
    ("group", "update groups set max_members = 3, revision = revision + 1"),
    ("group", "delete from group_members"),
    ("group", "update messages set content = 'c', is_edited = true"),
    ("safety", "update safety_alerts set resolved_at = crewup.now()"),
    ("safety", "select from api_groups, api_group_members, api_group_members_banned, crewup.alertable_crews(null)"),
    ("safety", "update alert_batches set state = 'active', level = 2, revision = revision + 1"),
    ("safety", "select from alert_batches for update skip locked"),
    ("safety", "delete from alert_places"),
    ("safety", "update alert_recipients set delivered_at = crewup.now(), answer = 'seen'"),
    ("group", "select from crewup.crew_held(null, false, null, true)"),
    ("group", "update group_seats set members = 1, last_sequence = 1"),
    (
        "group",
        "update messages set content = '', deleted_at = crewup.now(), deleted_by = sender_id, deleted_as = 'author'",
    ),
    ("group", "delete from group_bans"),
    ("group", "update group_requests set state = 'approved', decided_at = crewup.now()"),
    ("group", "update group_invitations set uses = 1"),
    ("group", "delete from read_marks"),
    ("event", "select from crewup.event_held(null, false, null, true)"),
    ("user", "select from crewup.api_export_group(null), crewup.api_export_moderation(null)"),
    ("moderation", "update reports set state = 'claimed'"),
    ("moderation", "update appeals set state = 'granted'"),
    ("moderation", "select from crewup.api_account('x')"),
    ("moderation", "select from bans where crewup.ban_state(expires_at, ended_at, ended_by) = 'active'"),
    ("moderation", "update bans set ended_at = crewup.now()"),
    (
        "moderation",
        "insert into bans (id, root_id, violation, user_id, reason, created_by, created_at)
         select id, id, 'spam', id, 'reasons enough', id, crewup.now() from api_users",
    ),
    ("moderation", "select from api_user_roles"),
    ("group", "select from api_bans"),
    ("event", "select id from events for update"),
];

/// What each must not.
const REFUSED: &[(&str, &str)] = &[
    ("user", "delete from users"),
    ("user", "update users set reputation = 5"),
    ("user", "update users set rating_count = 5"),
    ("user", "update users set is_banned = false"),
    ("user", "insert into users (keycloak_id, email, first_name, last_name, is_banned) values ('', '', '', '', false)"),
    ("user", "update users set created_at = crewup.now()"),
    ("user", "update ratings set rating = 5"),
    ("user", "select from bans"),
    ("user", "update events set name = 'n'"),
    ("user", "truncate users"),
    ("event", "delete from events"),
    ("event", "update events set creator_id = id"),
    ("event", "delete from event_seats"),
    ("event", "delete from event_invitations"),
    ("event", "select from users"),
    ("event", "update users set bio = ''"),
    ("event", "update api_users set first_name = ''"),
    ("event", "select email from api_users"),
    ("event", "select from api_users for update"),
    ("event", "select from groups"),
    ("event", "delete from group_members"),
    ("group", "delete from groups"),
    ("group", "delete from messages"),
    ("group", "update groups set event_id = id"),
    ("group", "select from users"),
    ("group", "select from events"),
    ("group", "update event_attendees set status = 'going'"),
    ("group", "select from event_invitations"),
    ("safety", "select from events"),
    ("safety", "select from messages"),
    ("safety", "select from groups"),
    ("safety", "delete from alert_batches"),
    ("safety", "delete from alert_recipients"),
    ("safety", "update alert_batches set user_id = id"),
    ("group", "delete from timeline"),
    ("group", "update timeline set sequence = 1"),
    ("group", "delete from group_members_past"),
    ("group", "update messages set sender_id = id"),
    ("group", "select from crewup.api_export_group(null)"),
    ("group", "select from alert_batches"),
    ("moderation", "update moderation_log set action = 'ban_user'"),
    ("moderation", "delete from moderation_log"),
    ("moderation", "delete from reports"),
    ("moderation", "update reports set reporter_id = id"),
    ("moderation", "delete from appeals"),
    ("user", "select from moderation_log"),
    ("user", "select from messages"),
    ("safety", "update group_members set is_admin = true"),
    ("safety", "delete from safety_alerts"),
    ("safety", "update safety_alerts set user_id = id"),
    ("moderation", "update users set is_banned = true"),
    ("moderation", "update users set is_active = false"),
    ("moderation", "select from users"),
    ("moderation", "delete from bans"),
    ("moderation", "update bans set reason = 'another reason'"),
    ("moderation", "select from user_roles"),
    ("moderation", "insert into user_roles (user_id, role, seen_at) select id, 'admin', crewup.now() from api_users"),
    ("moderation", "select from messages"),
    ("moderation", "select from safety_alerts"),
    ("moderation", "update safety_alerts set message = ''"),
    ("event", "insert into bans (id, user_id, reason, created_by, created_at) values (null, null, '', null, null)"),
];

/// What no service may.
const REFUSED_TO_ALL: [&str; 12] = [
    "update outbox set topic = ''",
    "update idempotency set request_hash = ''",
    "update outbox_claims set key = key",
    "insert into _sqlx_migrations (version) values (1)",
    "create table mine (id integer)",
    "create table crewup.mine (id integer)",
    "create or replace function crewup.now() returns timestamptz language sql as 'select null::timestamptz'",
    "alter table users disable trigger all",
    "drop table users",
    "truncate outbox",
    "set role crewup",
    "create role another",
];

async fn stage() -> TestDb {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..2).await;
    event(&mut owner, id(10), id(0)).await;
    db
}

/// Runs it and takes it back; the SQLSTATE if it was refused.
async fn attempt(db: &TestDb, service: &str, sql: &'static str) -> Option<String> {
    let mut conn = db.connect_as(service).await;
    let mut tx = conn.begin().await.unwrap();
    let result = tx.execute(AssertSqlSafe(sql)).await;
    result.err().and_then(|error| Some(error.as_database_error()?.code()?.into_owned()))
}

#[tokio::test]
async fn x11_each_service_can_do_its_work() {
    let db = stage().await;
    for (service, sql) in ALLOWED {
        assert_eq!(attempt(&db, service, sql).await, None, "{service}: {sql}");
    }
}

#[tokio::test]
async fn x11_no_service_can_touch_what_is_not_its_own() {
    let db = stage().await;
    for (service, sql) in REFUSED {
        let code = attempt(&db, service, sql).await;
        // 42703: the view does not even have the column.
        assert!(matches!(code.as_deref(), Some("42501" | "42703")), "{service}: {sql}: {code:?}");
    }
    for service in SERVICES {
        for sql in REFUSED_TO_ALL {
            let code = attempt(&db, service, sql).await;
            assert_eq!(code.as_deref(), Some("42501"), "{service}: {sql}");
        }
    }
}

#[tokio::test]
async fn x11_every_service_enters_remembers_and_tells() {
    let db = stage().await;
    let work = "
        select * from crewup.enter(null, null);
        insert into idempotency (caller_id, method, request_id, request_hash, created_at)
        values (uuid_generate_v4(), 'm', uuid_generate_v4(), 'h', crewup.now());
        update idempotency set result_id = uuid_generate_v4();
        with told as (
            insert into outbox (topic, key, created_at) values ('t', uuid_generate_v4(), crewup.now())
            returning id, topic, key, created_at
        )
        insert into outbox_claims (outbox_id, consumer, topic, key, due_at)
        select id, 'c', topic, key, created_at from told;
        select from outbox_claims for update skip locked;
        update outbox_claims set attempts = 1, due_at = crewup.now(), parked_at = crewup.now();
        delete from outbox_claims;
        delete from outbox;
        delete from idempotency";
    for service in SERVICES {
        assert_eq!(attempt(&db, service, work).await, None, "{service}");
    }
}

/// By the catalog, so that a table of tomorrow is in it: these three tables are deleted from by nobody.
#[tokio::test]
async fn x11_no_role_of_a_service_may_delete_users_events_or_groups() {
    let db = cluster::database().await;
    let holders: Vec<String> = sqlx::query_scalar(
        "select grantee || ' ' || privilege_type || ' ' || table_name from information_schema.role_table_grants
         where grantee <> 'crewup' and privilege_type in ('DELETE', 'TRUNCATE')
            and table_name in ('users', 'events', 'groups')",
    )
    .fetch_all(&mut db.connect().await)
    .await
    .unwrap();
    assert!(holders.is_empty(), "{holders:?}");
}

/// The tables that docs/SCHEMA.md gives to each who writes.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = include_str!("../../docs/SCHEMA.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| writer |")).skip(2);
    let mut writers = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let [_, writer, tables, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        let services: BTreeSet<_> = match writer {
            "each, its own rows" => SERVICES.map(str::to_owned).into(),
            one => [one.to_owned()].into(),
        };
        for table in tables.split(", ") {
            let before = writers.insert(table.trim_matches('`').to_owned(), services.clone());
            assert_eq!(before, None, "{table} is there twice");
        }
    }
    writers
}

/// By the catalog, down to the columns: a table of tomorrow is in it, and so is what somebody was granted by the way.
#[tokio::test]
async fn x11_each_table_is_written_by_whom_the_documentation_names_and_by_nobody_else() {
    let db = cluster::database().await;
    let found: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select c.relname::text, coalesce(array_agg(s.name) filter (where
                has_table_privilege('crewup_' || s.name || '_login', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                or has_any_column_privilege('crewup_' || s.name || '_login', c.oid, 'INSERT, UPDATE')), '{}')
         from pg_class c, unnest($1) s (name)
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
         group by c.relname",
    )
    .bind(SERVICES.map(str::to_owned))
    .fetch_all(&mut db.connect().await)
    .await
    .unwrap();
    let mut documented = documented();
    for (name, services) in found {
        let expected = documented.remove(&name).unwrap_or_default();
        assert_eq!(services.into_iter().collect::<BTreeSet<_>>(), expected, "who writes {name}");
    }
    assert!(documented.is_empty(), "there is no {documented:?}");
}

/// PUBLIC has nothing, and what runs with the owner's rights has a fixed search path.
#[tokio::test]
async fn x11_definer_functions_have_a_fixed_path_and_are_not_everybodys() {
    let db = cluster::database().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace = 'crewup'::regnamespace
            and (has_function_privilege('public', p.oid, 'execute')
                or p.prosecdef and not coalesce('search_path=pg_catalog, public, pg_temp' = any (p.proconfig), false))",
    )
    .fetch_all(&mut db.connect().await)
    .await
    .unwrap();
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn x11_roles_and_logins_are_made_again_without_harm_also_at_once() {
    let db = cluster::database().await;
    let again = || async {
        let mut conn = db.connect().await;
        create_roles(&mut conn).await.unwrap();
    };
    tokio::join!(again(), again(), again(), again());
    let logins = || async {
        let login = |service| Login { service, password: "it's \\ new".into() };
        create_logins(&mut db.connect().await, &SERVICES.map(login)).await.unwrap();
    };
    tokio::join!(logins(), logins(), logins());

    let mut all = cluster::superuser().await;
    for service in SERVICES {
        let row: (bool, bool, bool, Vec<String>) = sqlx::query_as(
            "select r.rolcanlogin, r.rolsuper or r.rolcreaterole or r.rolcreatedb, r.rolpassword like 'SCRAM-SHA-256$%',
                s.setconfig
             from pg_authid r join pg_db_role_setting s on s.setrole = r.oid and s.setdatabase = 0
             where r.rolname = $1 and pg_has_role(r.oid, $2, 'member')",
        )
        .bind(format!("crewup_{service}_login"))
        .bind(format!("crewup_{service}"))
        .fetch_one(&mut all)
        .await
        .unwrap();
        let limits = ["statement_timeout=10s", "idle_in_transaction_session_timeout=10s", "lock_timeout=5s"];
        assert_eq!(row, (true, false, true, limits.map(str::to_owned).to_vec()), "{service}");
    }
}
