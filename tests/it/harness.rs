//! The harness keeps its own promises.

use chrono::{DateTime, Duration, Utc};
use crewup_tests::cluster;

#[tokio::test]
async fn e4_one_update_moves_the_clock_of_every_role_and_of_no_other_database() {
    let (db, other) = (cluster::database().await, cluster::database().await);
    let before: DateTime<Utc> = now(&mut db.connect_as("event").await).await;
    db.advance(Duration::days(3)).await;
    for service in crewup_shared::migrate::SERVICES {
        let moved = now(&mut db.connect_as(service).await).await - before;
        assert!(moved >= Duration::days(3) && moved < Duration::days(3) + Duration::minutes(5), "{service}: {moved}");
    }
    assert!(now(&mut other.connect().await).await - before < Duration::days(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_made_in_parallel_and_are_independent() {
    let made = futures_util::future::join_all((0..6).map(|_| async {
        let db = cluster::database().await;
        let mut conn = db.connect().await;
        sqlx::query("insert into users (keycloak_id, email, first_name, last_name) values ('k', 'e', 'f', 'l')")
            .execute(&mut conn)
            .await
            .unwrap();
        sqlx::query_scalar::<_, i64>("select count(*) from users").fetch_one(&mut conn).await.unwrap()
    }))
    .await;
    assert_eq!(made, vec![1; 6]);
}

async fn now(conn: &mut sqlx::PgConnection) -> DateTime<Utc> {
    sqlx::query_scalar("select crewup.now()").fetch_one(conn).await.unwrap()
}
