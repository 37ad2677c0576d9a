//! X12: migrations run once, by a command of their own.

use crewup_shared::migrate::{self, Failure, MIGRATOR, latest};
use crewup_tests::cluster;
use sqlx::migrate::Migrator;
use sqlx::{Executor, PgConnection};
use std::time::Duration;

async fn count(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from _sqlx_migrations where success").fetch_one(conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn x12_two_ups_at_once_migrate_once() {
    let db = cluster::empty().await;
    let up = || async {
        let mut conn = migrate::connect(&db.url()).await.unwrap();
        migrate::up(&mut conn).await
    };
    let (one, other) = tokio::join!(up(), up());
    one.unwrap();
    other.unwrap();
    up().await.unwrap();
    assert_eq!(count(&mut db.connect().await).await, i64::try_from(MIGRATOR.iter().count()).unwrap());
}

/// The schema has the name of the role, so sqlx would look for its table there by the default search path.
#[tokio::test]
async fn x12_up_finds_its_table_beside_a_schema_that_has_the_owners_name() {
    let db = cluster::empty().await;
    let mut owner = db.connect().await;
    owner.execute("set search_path = \"$user\", public").await.unwrap();
    let mut conn = migrate::connect(&db.url()).await.unwrap();
    migrate::up(&mut conn).await.unwrap();
    migrate::up(&mut conn).await.unwrap();
    let strays: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c where c.relnamespace = 'crewup'::regnamespace and c.relkind <> 'c'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(strays.is_empty(), "{strays:?}");
}

#[tokio::test]
async fn x12_a_database_ahead_of_this_binary_is_refused_and_left_alone() {
    let db = cluster::empty().await;
    let mut conn = migrate::connect(&db.url()).await.unwrap();
    migrate::up(&mut conn).await.unwrap();
    let older = Migrator::with_migrations(MIGRATOR.iter().take(2).cloned().collect());
    let failure = migrate::up_with(&older, &mut conn).await.unwrap_err();
    assert!(matches!(failure, Failure::Ahead { database, own: 2 } if database == latest()), "{failure}");
    assert_eq!(failure.exit_code(), 78);
    assert!(!failure.to_string().contains('\n'));
    migrate::wait(&db.url(), Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn x12_tables_without_a_migration_table_are_refused_and_left_alone() {
    let db = cluster::empty().await;
    let mut conn = migrate::connect(&db.url()).await.unwrap();
    conn.execute("create table users (id integer)").await.unwrap();
    let failure = migrate::up(&mut conn).await.unwrap_err();
    assert!(matches!(failure, Failure::Unadopted), "{failure}");
    assert_eq!(failure.exit_code(), 65);
    let tables: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn x12_a_migration_that_was_changed_after_it_was_applied_is_refused() {
    let db = cluster::empty().await;
    let mut conn = migrate::connect(&db.url()).await.unwrap();
    migrate::up(&mut conn).await.unwrap();
    conn.execute("update _sqlx_migrations set checksum = 'other' where version = 2").await.unwrap();
    let failure = migrate::up(&mut conn).await.unwrap_err();
    assert!(matches!(failure, Failure::Changed(2)), "{failure}");
}

#[tokio::test]
async fn x12_status_says_what_is_applied_and_wait_waits_for_all_of_it() {
    let db = cluster::empty().await;
    let mut conn = migrate::connect(&db.url()).await.unwrap();
    let applied = |steps: Vec<migrate::Step>| steps.iter().filter(|step| step.applied).count();
    assert_eq!(applied(migrate::status(&mut conn).await.unwrap()), 0);

    let first = Migrator::with_migrations(MIGRATOR.iter().take(1).cloned().collect());
    migrate::up_with(&first, &mut conn).await.unwrap();
    let steps = migrate::status(&mut conn).await.unwrap();
    assert_eq!((steps[0].version, steps[0].name.as_str(), steps[0].applied), (1, "reference", true));
    assert_eq!((steps[1].version, steps[1].name.as_str(), steps[1].applied), (2, "repair", false));
    let failure = migrate::wait(&db.url(), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(failure.exit_code(), 75);
    assert!(failure.to_string().ends_with("it is at 1"), "{failure}");

    let url = db.url();
    let waiting = tokio::spawn(async move { migrate::wait(&url, Duration::from_secs(30)).await });
    migrate::up(&mut conn).await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(applied(migrate::status(&mut conn).await.unwrap()), MIGRATOR.iter().count());
}

#[tokio::test]
async fn x12_a_service_may_wait_for_the_schema_and_a_bad_address_is_said_at_once() {
    let db = cluster::database().await;
    migrate::wait(&db.url_as("safety"), Duration::from_secs(5)).await.unwrap();
    let failure = migrate::wait("nonsense", Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(failure.exit_code(), 64);
    let nobody = migrate::wait("postgres://crewup@127.0.0.1:1/crewup", Duration::from_millis(300)).await;
    assert_eq!(nobody.unwrap_err().exit_code(), 75);
}
