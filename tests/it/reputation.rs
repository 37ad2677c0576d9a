//! R7: reputation is right at every commit.

use crate::people::{event, id, until_waiting, users};
use crewup_tests::cluster;
use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use tokio::sync::Barrier;
use uuid::Uuid;

const WRITERS: u128 = 32;
const ROUNDS: u128 = 4;

async fn rate(conn: &mut PgConnection, rated: Uuid, rater: Uuid, event: Uuid, stars: i32) {
    sqlx::query("insert into ratings (rated_user_id, rater_user_id, event_id, rating) values ($1, $2, $3, $4)")
        .bind(rated)
        .bind(rater)
        .bind(event)
        .bind(stars)
        .execute(conn)
        .await
        .unwrap();
}

/// Of each rated person: reputation, count, and whether both are what the rows say.
async fn kept(conn: &mut PgConnection, person: Uuid) -> (String, i32, bool) {
    sqlx::query_as(
        "select u.reputation::text, u.rating_count,
            u.reputation = round(v.average_rating, 2) and u.rating_count = v.total_ratings
         from users u join user_reputation v on v.user_id = u.id where u.id = $1",
    )
    .bind(person)
    .fetch_one(conn)
    .await
    .unwrap()
}

/// Fails without the lock statement in crewup.follow_ratings (ratings are lost), and with FOR UPDATE in it
/// (deadlocks with the key share of the foreign key).
#[tokio::test(flavor = "multi_thread")]
async fn r7_reputation_is_right_after_32_concurrent_ratings() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..WRITERS + 1).await;
    for round in 0..ROUNDS {
        event(&mut owner, id(1000 + round), id(0)).await;
    }
    let start = Arc::new(Barrier::new(WRITERS as usize));
    let writers = (1..=WRITERS).map(|rater| {
        let (url, start) = (db.url_as("user"), start.clone());
        tokio::spawn(async move {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            for round in 0..ROUNDS {
                start.wait().await;
                let stars = 1 + i32::try_from((rater + round) % 5).unwrap();
                // A transaction of several round trips, as a call is: the others queue behind it.
                let mut tx = conn.begin().await.unwrap();
                rate(&mut tx, id(0), id(rater), id(1000 + round), stars).await;
                tx.commit().await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let (_, count, right) = kept(&mut owner, id(0)).await;
    assert_eq!(u128::try_from(count).unwrap(), WRITERS * ROUNDS);
    assert!(right);
}

/// The same in slow motion. Fails without the lock statement: the second counts what it saw before it waited.
#[tokio::test(flavor = "multi_thread")]
async fn r7_a_rating_that_waited_for_another_counts_both() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..3).await;
    event(&mut owner, id(10), id(0)).await;

    let (mut first, mut second) = (db.connect_as("user").await, db.connect_as("user").await);
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut second).await.unwrap();
    let mut tx = first.begin().await.unwrap();
    rate(&mut tx, id(0), id(1), id(10), 5).await;
    let waiting = tokio::spawn(async move { rate(&mut second, id(0), id(2), id(10), 2).await });
    until_waiting(&mut owner, pid).await;
    tx.commit().await.unwrap();
    waiting.await.unwrap();
    assert_eq!(kept(&mut owner, id(0)).await, ("3.50".into(), 2, true));
}

#[tokio::test]
async fn r7_reputation_follows_a_changed_moved_and_deleted_rating_and_is_no_edit() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..4).await;
    event(&mut owner, id(10), id(0)).await;
    let before = profile(&mut owner).await;

    rate(&mut owner, id(0), id(2), id(10), 5).await;
    rate(&mut owner, id(0), id(3), id(10), 2).await;
    rate(&mut owner, id(1), id(2), id(10), 4).await;
    assert_eq!(kept(&mut owner, id(0)).await, ("3.50".into(), 2, true));

    for (sql, first, second) in [
        ("update ratings set rating = 4 where rating = 5", ("3.00", 2), ("4.00", 1)),
        ("update ratings set rated_user_id = $1 where rater_user_id = $2", ("4.00", 1), ("3.00", 2)),
        ("delete from ratings where rated_user_id = $1", ("4.00", 1), ("0.00", 0)),
    ] {
        let query = sqlx::query(sql);
        let query = if sql.contains("$1") { query.bind(id(1)) } else { query };
        let query = if sql.contains("$2") { query.bind(id(3)) } else { query };
        query.execute(&mut owner).await.unwrap();
        assert_eq!(kept(&mut owner, id(0)).await, (first.0.into(), first.1, true), "{sql}");
        assert_eq!(kept(&mut owner, id(1)).await, (second.0.into(), second.1, true), "{sql}");
    }
    assert_eq!(profile(&mut owner).await, before, "neither revision nor updated_at moves");
}

async fn profile(conn: &mut PgConnection) -> Vec<(i64, chrono::DateTime<chrono::Utc>)> {
    sqlx::query_as("select revision, updated_at from users order by id").fetch_all(conn).await.unwrap()
}
