//! The demo city keeps the rules, and is the same for the same seed.

use crewup_seed::{Options, check, fill};
use crewup_tests::cluster;

async fn city(seed: u64) -> (crewup_tests::cluster::TestDb, String) {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    let now = "2026-06-01T12:00:00Z".parse().unwrap();
    let options = Options { seed, people: 60, events: 200, now: Some(now) };
    fill(&mut conn, &options).await.unwrap();
    assert!(check(&mut conn).await.unwrap() >= 34, "so many rules were looked at");
    let print: String = sqlx::query_scalar(
        "select md5(string_agg(t.row, '' order by t.row)) from (
             select row(e.*)::text as row from events e union all select row(a.*)::text from event_attendees a
             union all select row(r.*)::text from ratings r union all select row(m.*)::text from messages m
             union all select row(b.*)::text from alert_batches b union all select row(r.*)::text from reports r
             union all select row(b.*)::text from bans b) t",
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
async fn c2_the_check_of_a_city_finds_a_gap_in_a_crews_numbers() {
    let (db, _) = city(7).await;
    let mut conn = db.connect().await;
    let gap = "update messages m set sequence = s.last_sequence + 1 from group_seats s
               where s.group_id = m.group_id and m.id = (select id from messages order by id limit 1)";
    assert_eq!(sqlx::query(gap).execute(&mut conn).await.unwrap().rows_affected(), 1);
    let failure = check(&mut conn).await.unwrap_err();
    assert!(failure.to_string().starts_with("C2 "), "{failure}");
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
