//! X6: enter orders every check against every change of a person's state.

use crate::people::{ban, id, until_waiting, users};
use crewup_tests::cluster;
use futures_util::future::join_all;
use sqlx::{Connection, Executor, PgConnection};
use std::sync::Arc;
use tokio::sync::Barrier;
use uuid::Uuid;

async fn enter(conn: &mut PgConnection, caller: Uuid, others: Vec<Uuid>) -> sqlx::Result<Vec<(Uuid, String)>> {
    sqlx::query_as("select user_id, state from crewup.enter($1, $2)").bind(caller).bind(others).fetch_all(conn).await
}

/// Fails with the locks taken in the order that the caller gives (deadlocks), and without them (lost updates).
#[tokio::test(flavor = "multi_thread")]
async fn x6_32_writers_on_overlapping_sets_neither_deadlock_nor_meet() {
    const WRITERS: usize = 32;
    const PEOPLE: usize = 8;
    const ROUNDS: usize = 12;
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..PEOPLE as u128).await;
    // Read, then written: lost if two are in at the same time.
    owner
        .execute(
            "create table counters (user_id uuid primary key, n bigint not null);
             insert into counters (user_id, n) select id, 0 from users;
             grant select, update on counters to crewup_event",
        )
        .await
        .unwrap();
    let start = Arc::new(Barrier::new(WRITERS));
    let writers = (0..WRITERS).map(|writer| {
        let (url, start) = (db.url_as("event"), start.clone());
        tokio::spawn(async move {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            start.wait().await;
            for round in 0..ROUNDS {
                // Three different people each, in an order that differs from writer to writer.
                let person = |step: usize| id(((writer * 5 + round * 3 + step * (1 + writer % 3)) % PEOPLE) as u128);
                let people = [person(2), person(0), person(1)];
                let mut tx = conn.begin().await.unwrap();
                let entered = enter(&mut tx, people[0], people[1..].to_vec()).await.unwrap();
                for (user, state) in entered {
                    assert_eq!(state, "active");
                    let n: i64 = sqlx::query_scalar("select n from counters where user_id = $1")
                        .bind(user)
                        .fetch_one(&mut *tx)
                        .await
                        .unwrap();
                    sqlx::query("update counters set n = $2 where user_id = $1")
                        .bind(user)
                        .bind(n + 1)
                        .execute(&mut *tx)
                        .await
                        .unwrap();
                }
                tx.commit().await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let total: i64 = sqlx::query_scalar("select sum(n)::bigint from counters").fetch_one(&mut owner).await.unwrap();
    assert_eq!(total, (WRITERS * ROUNDS * 3) as i64);
}

/// Fails without the lock, and with the state read in the statement that waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn x6_what_enters_while_a_ban_commits_sees_the_ban() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..3).await;

    let mut moderation = db.connect_as("moderation").await;
    let mut banning = moderation.begin().await.unwrap();
    enter(&mut banning, id(1), vec![id(0)]).await.unwrap();

    let mut event = db.connect_as("event").await;
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut event).await.unwrap();
    let joining = tokio::spawn(async move {
        let mut tx = event.begin().await.unwrap();
        enter(&mut tx, id(0), vec![]).await.unwrap()
    });
    until_waiting(&mut owner, pid).await;
    ban(&mut banning, id(50), id(0), id(1)).await;
    banning.commit().await.unwrap();
    assert_eq!(joining.await.unwrap(), [(id(0), "banned".to_owned())]);
}

#[tokio::test]
async fn x6_enter_answers_now_and_a_row_for_each_who_exists() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..3).await;
    let mut conn = db.connect_as("group").await;
    let people = enter(&mut conn, id(2), vec![id(0), id(2), id(77)]).await.unwrap();
    assert_eq!(people, [(id(0), "active".to_owned()), (id(2), "active".to_owned())]);
    assert_eq!(enter(&mut conn, id(77), vec![]).await.unwrap(), []);
    let same: bool = sqlx::query_scalar("select entered_at = crewup.now() from crewup.enter($1, null)")
        .bind(id(0))
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert!(same);

    let mut tx = conn.begin().await.unwrap();
    tx.execute("set transaction isolation level repeatable read").await.unwrap();
    let error = enter(&mut tx, id(0), vec![]).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("25000"));
}

#[tokio::test]
async fn x6_who_enters_without_waiting_gets_those_whom_nobody_else_has_entered() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..4).await;
    ban(&mut owner, id(50), id(3), id(0)).await;
    let mut other = db.connect_as("moderation").await;
    let mut banning = other.begin().await.unwrap();
    enter(&mut banning, id(1), vec![]).await.unwrap();

    let mut conn = db.connect_as("group").await;
    let mut tx = conn.begin().await.unwrap();
    let sql = "select user_id, state from crewup.enter_free($1)";
    let people = vec![id(3), id(1), id(0), id(77), id(0)];
    let free: Vec<(Uuid, String)> = sqlx::query_as(sql).bind(&people).fetch_all(&mut *tx).await.unwrap();
    assert_eq!(free, [(id(0), "active".to_owned()), (id(3), "banned".to_owned())]);
    // And these are entered: a ban of one of them waits.
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *banning).await.unwrap();
    let (entered, ()) = tokio::join!(enter(&mut banning, id(0), vec![]), async {
        until_waiting(&mut owner, pid).await;
        tx.commit().await.unwrap();
    });
    assert_eq!(entered.unwrap(), [(id(0), "active".to_owned())]);

    let mut tx = conn.begin().await.unwrap();
    tx.execute("set transaction isolation level repeatable read").await.unwrap();
    let error = sqlx::query(sql).bind(&people).execute(&mut *tx).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("25000"));
}

#[tokio::test]
async fn u6_m4_states_have_an_order_and_a_ban_ends_by_the_clock() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..2).await;
    let mut states = Vec::new();
    for sql in [
        "select",
        "update users set is_active = false",
        "insert into bans (id, root_id, violation, user_id, reason, created_by, created_at, expires_at)
         select u.id, u.id, 'spam', u.id, 'reasons enough', u.id, crewup.now(), crewup.now() + interval '1 hour' from users u",
        "update users set is_active = true",
        "update crewup.test_clock set shift = shift + interval '1 hour'",
        "update bans set ended_at = crewup.now()",
        "insert into bans (id, root_id, violation, user_id, reason, created_by, created_at)
         select uuid_generate_v4(), u.id, 'spam', u.id, 'reasons enough', u.id, crewup.now() from users u",
        "update users set erased_at = crewup.now()",
        "delete from bans",
    ] {
        sqlx::query(sql).execute(&mut owner).await.unwrap();
        let state: (String, bool) = sqlx::query_as("select crewup.user_state(id), is_banned from users where id = $1")
            .bind(id(1))
            .fetch_one(&mut owner)
            .await
            .unwrap();
        states.push(state);
    }
    let expected = [
        ("active", false),
        ("deactivated", false),
        ("banned", true),
        ("banned", true),
        ("active", true), // expired by the clock, not yet ended by anyone
        ("active", false),
        ("banned", true),
        ("erased", true),
        ("erased", false),
    ];
    assert_eq!(states, expected.map(|(state, banned)| (state.to_owned(), banned)));
    let nobody: Option<String> =
        sqlx::query_scalar("select crewup.user_state($1)").bind(id(77)).fetch_one(&mut owner).await.unwrap();
    assert_eq!(nobody, None);
}
