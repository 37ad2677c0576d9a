//! The demo city keeps the rules, and is the same for the same seed.

use crewup_seed::{Options, check, fill};
use crewup_tests::cluster;

async fn city(seed: u64) -> (crewup_tests::cluster::TestDb, String) {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    let now = "2026-06-01T12:00:00Z".parse().unwrap();
    let options = Options { seed, people: 60, events: 200, now: Some(now) };
    fill(&mut conn, &options).await.unwrap();
    assert!(check(&mut conn).await.unwrap() >= 15, "so many rules were looked at");
    let print: String = sqlx::query_scalar(
        "select md5(string_agg(t.row, '' order by t.row)) from (
             select row(e.*)::text as row from events e union all select row(a.*)::text from event_attendees a
             union all select row(r.*)::text from ratings r) t",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    (db, print)
}

#[tokio::test]
async fn the_demo_city_keeps_the_rules_and_is_reproducible() {
    let (_first, print) = city(7).await;
    let (_again, same) = city(7).await;
    let (_other, different) = city(8).await;
    assert_eq!(print, same);
    assert_ne!(print, different);
}

#[tokio::test]
async fn e9_the_check_of_a_city_finds_a_counter_that_is_wrong() {
    let (db, _) = city(7).await;
    let mut conn = db.connect().await;
    sqlx::query("update event_seats set interested = interested + 1 where event_id = (select min(event_id::text)::uuid from event_seats)")
        .execute(&mut conn)
        .await
        .unwrap();
    let failure = check(&mut conn).await.unwrap_err();
    assert!(failure.to_string().contains("E9"), "{failure}");
}
