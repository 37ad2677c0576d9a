//! The first migration is the reference schema: the catalog is compared with lists that were written from the
//! document, and each check refuses a row.

use crewup_shared::migrate::{MIGRATOR, up_with};
use crewup_tests::cluster::{self, TestDb};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// `table column type [not null] [= default]`
const COLUMNS: &str = "
event_attendees created_at timestamp without time zone = now()
event_attendees event_id uuid not null
event_attendees status character varying(20) = 'going'::character varying
event_attendees updated_at timestamp without time zone = now()
event_attendees user_id uuid not null
events address text not null
events created_at timestamp without time zone = now()
events creator_id uuid
events description text
events event_end timestamp with time zone
events event_start timestamp with time zone not null
events event_type character varying(50)
events id uuid not null = uuid_generate_v4()
events is_cancelled boolean = false
events is_public boolean = true
events latitude numeric(10,8)
events longitude numeric(11,8)
events max_attendees integer
events name character varying(255) not null
events updated_at timestamp without time zone = now()
group_members group_id uuid not null
group_members is_admin boolean = false
group_members joined_at timestamp without time zone = now()
group_members user_id uuid not null
groups created_at timestamp without time zone = now()
groups description text
groups event_id uuid
groups id uuid not null = uuid_generate_v4()
groups is_private boolean = false
groups max_members integer = 10
groups name character varying(255) not null
messages content text not null
messages group_id uuid
messages id uuid not null = uuid_generate_v4()
messages is_edited boolean = false
messages sender_id uuid
messages sent_at timestamp without time zone = now()
ratings comment text
ratings created_at timestamp without time zone = now()
ratings event_id uuid
ratings id uuid not null = uuid_generate_v4()
ratings rated_user_id uuid
ratings rater_user_id uuid
ratings rating integer not null
safety_alerts alert_type character varying(50) = 'help'::character varying
safety_alerts batch_id uuid
safety_alerts created_at timestamp without time zone = now()
safety_alerts group_id uuid
safety_alerts id uuid not null = uuid_generate_v4()
safety_alerts latitude numeric(10,8)
safety_alerts longitude numeric(11,8)
safety_alerts message text
safety_alerts resolved_at timestamp without time zone
safety_alerts resolved_by_user_id uuid
safety_alerts user_id uuid
user_reputation average_rating numeric
user_reputation total_ratings bigint
user_reputation user_id uuid
users bio text
users created_at timestamp without time zone = now()
users email character varying(255) not null
users first_name character varying(100) not null
users id uuid not null = uuid_generate_v4()
users interests text[]
users is_active boolean = true
users keycloak_id character varying(255) not null
users last_name character varying(100) not null
users profile_picture_url text
users reputation numeric(3,2) = 0.00
users updated_at timestamp without time zone = now()
";

/// `name on table: definition`; the checks are by name here, what they say is proved by REFUSED.
const CONSTRAINTS: &str = "
event_attendees_event_id_fkey on event_attendees: FOREIGN KEY (event_id) REFERENCES events(id) ON DELETE CASCADE
event_attendees_pkey on event_attendees: PRIMARY KEY (event_id, user_id)
event_attendees_status_check on event_attendees: CHECK
event_attendees_user_id_fkey on event_attendees: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
events_check on events: CHECK
events_check1 on events: CHECK
events_creator_id_fkey on events: FOREIGN KEY (creator_id) REFERENCES users(id) ON DELETE CASCADE
events_event_type_check on events: CHECK
events_max_attendees_check on events: CHECK
events_pkey on events: PRIMARY KEY (id)
group_members_group_id_fkey on group_members: FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE
group_members_pkey on group_members: PRIMARY KEY (group_id, user_id)
group_members_user_id_fkey on group_members: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
groups_event_id_fkey on groups: FOREIGN KEY (event_id) REFERENCES events(id) ON DELETE CASCADE
groups_max_members_check on groups: CHECK
groups_pkey on groups: PRIMARY KEY (id)
messages_content_check on messages: CHECK
messages_group_id_fkey on messages: FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE
messages_pkey on messages: PRIMARY KEY (id)
messages_sender_id_fkey on messages: FOREIGN KEY (sender_id) REFERENCES users(id) ON DELETE CASCADE
ratings_check on ratings: CHECK
ratings_event_id_fkey on ratings: FOREIGN KEY (event_id) REFERENCES events(id) ON DELETE CASCADE
ratings_pkey on ratings: PRIMARY KEY (id)
ratings_rated_user_id_fkey on ratings: FOREIGN KEY (rated_user_id) REFERENCES users(id) ON DELETE CASCADE
ratings_rated_user_id_rater_user_id_event_id_key on ratings: UNIQUE (rated_user_id, rater_user_id, event_id)
ratings_rater_user_id_fkey on ratings: FOREIGN KEY (rater_user_id) REFERENCES users(id) ON DELETE CASCADE
ratings_rating_check on ratings: CHECK
safety_alerts_alert_type_check on safety_alerts: CHECK
safety_alerts_group_id_fkey on safety_alerts: FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE
safety_alerts_pkey on safety_alerts: PRIMARY KEY (id)
safety_alerts_resolved_by_user_id_fkey on safety_alerts: FOREIGN KEY (resolved_by_user_id) REFERENCES users(id) ON DELETE SET NULL
safety_alerts_user_id_fkey on safety_alerts: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
users_email_key on users: UNIQUE (email)
users_keycloak_id_key on users: UNIQUE (keycloak_id)
users_pkey on users: PRIMARY KEY (id)
users_reputation_check on users: CHECK
";

/// Those that the document names; keys and unique constraints have theirs.
const INDEXES: &str = "
idx_event_attendees_status on event_attendees (event_id, status)
idx_event_attendees_user on event_attendees (user_id)
idx_events_creator on events (creator_id)
idx_events_location on events (latitude, longitude)
idx_events_start on events (event_start)
idx_events_type on events (event_type)
idx_group_members_group on group_members (group_id)
idx_group_members_user on group_members (user_id)
idx_groups_event on groups (event_id)
idx_messages_group_sent on messages (group_id, sent_at)
idx_ratings_rated_user on ratings (rated_user_id)
idx_safety_alerts_batch on safety_alerts (batch_id)
idx_safety_alerts_created on safety_alerts (created_at)
idx_safety_alerts_group on safety_alerts (group_id)
idx_safety_alerts_user on safety_alerts (user_id)
idx_users_email on users (email)
idx_users_keycloak_id on users (keycloak_id)
idx_users_reputation on users (reputation)
";

/// One row of everything, with as little given as the document allows.
const ROWS: &str = "
insert into users (id, keycloak_id, email, first_name, last_name)
values (uuid(1), 'k1', 'e1', 'f', 'l'), (uuid(2), 'k2', 'e2', 'f', 'l');
insert into events (id, creator_id, name, address, event_start)
values (uuid(3), uuid(1), 'n', 'a', now() + interval '1 day');
insert into groups (id, event_id, name) values (uuid(4), uuid(3), 'g');
insert into group_members (group_id, user_id) values (uuid(4), uuid(1));
insert into messages (group_id, sender_id, content) values (uuid(4), uuid(1), repeat('ä', 2000));
insert into ratings (rated_user_id, rater_user_id, rating, event_id)
values (uuid(1), uuid(2), 5, uuid(3)), (uuid(1), uuid(2), 2, null);
insert into safety_alerts (user_id, group_id, resolved_by_user_id) values (uuid(1), uuid(4), uuid(2));
insert into event_attendees (event_id, user_id) values (uuid(3), uuid(1));
";

/// A statement that each constraint refuses.
const REFUSED: [(&str, &str); 22] = [
    ("users_reputation_check", "update users set reputation = 5.01"),
    ("users_reputation_check", "update users set reputation = -0.01"),
    ("users_email_key", "update users set email = 'e1'"),
    ("users_keycloak_id_key", "update users set keycloak_id = 'k1'"),
    ("events_check", "update events set event_start = created_at at time zone 'UTC'"),
    ("events_check1", "update events set event_end = event_start"),
    ("events_event_type_check", "update events set event_type = 'rave'"),
    ("events_max_attendees_check", "update events set max_attendees = 0"),
    ("events_creator_id_fkey", "update events set creator_id = uuid(9)"),
    ("groups_max_members_check", "update groups set max_members = 0"),
    ("groups_event_id_fkey", "update groups set event_id = uuid(9)"),
    ("group_members_pkey", "insert into group_members (group_id, user_id) values (uuid(4), uuid(1))"),
    ("messages_content_check", "update messages set content = ''"),
    ("messages_content_check", "update messages set content = repeat('x', 2001)"),
    ("ratings_rating_check", "update ratings set rating = 0"),
    ("ratings_rating_check", "update ratings set rating = 6"),
    ("ratings_check", "update ratings set rater_user_id = rated_user_id"),
    (
        "ratings_rated_user_id_rater_user_id_event_id_key",
        "insert into ratings (rated_user_id, rater_user_id, rating, event_id) values (uuid(1), uuid(2), 1, uuid(3))",
    ),
    ("safety_alerts_alert_type_check", "update safety_alerts set alert_type = 'fire'"),
    ("event_attendees_status_check", "update event_attendees set status = 'maybe'"),
    ("event_attendees_pkey", "insert into event_attendees (event_id, user_id) values (uuid(3), uuid(1))"),
    ("event_attendees_user_id_fkey", "update event_attendees set user_id = uuid(9)"),
];

/// A database with the first migration alone, and a function that makes short ids.
async fn reference() -> (TestDb, PgConnection) {
    let db = cluster::empty().await;
    let mut conn = db.connect().await;
    up_with(&Migrator::with_migrations(vec![MIGRATOR.iter().next().unwrap().clone()]), &mut conn).await.unwrap();
    (db, conn)
}

/// As [`reference`], with the rows.
async fn reference_with_rows() -> (TestDb, PgConnection) {
    let (db, mut conn) = reference().await;
    conn.execute(
        "create function uuid(n integer) returns uuid language sql
         return lpad(n::text, 32, '0')::uuid",
    )
    .await
    .unwrap();
    conn.execute(ROWS).await.unwrap();
    (db, conn)
}

async fn check_list(conn: &mut PgConnection, expected: &str, sql: &'static str) {
    let mut found: Vec<String> = sqlx::query_scalar(sql).fetch_all(conn).await.unwrap();
    let mut expected: Vec<&str> = expected.lines().filter(|line| !line.is_empty()).collect();
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_first_migration_has_the_columns_of_the_document() {
    let (_db, mut conn) = reference().await;
    let sql = "
        select concat(c.relname, ' ', a.attname, ' ', format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' end, ' = ' || pg_get_expr(d.adbin, d.adrelid))
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and c.relname <> '_sqlx_migrations'";
    check_list(&mut conn, COLUMNS, sql).await;
}

#[tokio::test]
async fn the_first_migration_has_the_constraints_and_indexes_of_the_document() {
    let (_db, mut conn) = reference().await;
    let sql = "
        select concat(c.conname, ' on ', c.conrelid::regclass, ': ',
            case when c.contype = 'c' then 'CHECK' else pg_get_constraintdef(c.oid) end)
        from pg_constraint c
        where c.connamespace = 'public'::regnamespace and c.conrelid <> '_sqlx_migrations'::regclass";
    check_list(&mut conn, CONSTRAINTS, sql).await;
    let sql = "
        select concat(indexname, ' on ', tablename, ' ', substring(indexdef from '\\(.*\\)'))
        from pg_indexes
        where schemaname = 'public' and indexname like 'idx%' and indexdef like 'CREATE INDEX % USING btree %'";
    check_list(&mut conn, INDEXES, sql).await;
}

#[tokio::test]
async fn the_first_migration_has_the_triggers_and_the_view_of_the_document() {
    let (_db, mut conn) = reference_with_rows().await;
    let triggers = "
trg_events_updated before update on events: set_updated_at()
trg_users_updated before update on users: set_updated_at()
";
    let sql = "
        select concat(trigger_name, ' ', lower(action_timing), ' ', lower(event_manipulation), ' on ',
            event_object_table, ': ', replace(action_statement, 'EXECUTE FUNCTION ', ''))
        from information_schema.triggers";
    check_list(&mut conn, triggers, sql).await;

    conn.execute("update users set updated_at = 'epoch'; update events set updated_at = 'epoch'").await.unwrap();
    let sql = "select updated_at > 'yesterday' from users union select updated_at > 'yesterday' from events";
    assert_eq!(sqlx::query_scalar::<_, bool>(sql).fetch_all(&mut conn).await.unwrap(), [true]);

    let view = "
00000000-0000-0000-0000-000000000001 3.50 2
00000000-0000-0000-0000-000000000002 0.00 0
";
    let sql = "select concat(user_id, ' ', round(average_rating, 2), ' ', total_ratings) from user_reputation";
    check_list(&mut conn, view, sql).await;
}

#[tokio::test]
async fn every_check_and_key_of_the_reference_refuses_a_row() {
    let (_db, mut conn) = reference_with_rows().await;
    for (constraint, sql) in REFUSED {
        let error = conn.execute(AssertSqlSafe(sql)).await.expect_err(sql);
        let name = error.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(name.as_deref(), Some(constraint), "{sql}: {error}");
    }
}

#[tokio::test]
async fn deleting_a_person_in_the_reference_takes_all_but_the_alerts_that_the_person_resolved() {
    let (_db, mut conn) = reference_with_rows().await;
    let count = "select concat((select count(*) from events), (select count(*) from groups),
        (select count(*) from messages), (select count(*) from ratings), (select count(*) from safety_alerts),
        (select count(*) from safety_alerts where resolved_by_user_id is null))";
    let mut tx = conn.begin().await.unwrap();
    tx.execute("delete from users where id = uuid(2)").await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, String>(count).fetch_one(&mut *tx).await.unwrap(), "111011");
    tx.execute("delete from users where id = uuid(1)").await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, String>(count).fetch_one(&mut *tx).await.unwrap(), "000000");
}
