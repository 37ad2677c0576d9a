//! E22 and E23: the functions by which text and places are found.

use crate::people::{event, id, users};
use crewup_tests::cluster;
use sqlx::Executor;

#[tokio::test]
async fn e23_fold_ignores_case_and_accents_however_they_are_written() {
    let db = cluster::database().await;
    let mut conn = db.connect_as("event").await;
    for (input, expected) in [
        ("CAFÉ", "cafe"),
        ("CAFE\u{301}", "cafe"),
        ("Straße", "strasse"),
        ("ŁÓDŹ", "lodz"),
        ("КИЕВ", "киев"),
        ("ＡＢＣ", "abc"),
        ("50% _ \\ '", "50% _ \\ '"),
        ("🎉", "🎉"),
        ("", ""),
    ] {
        let folded: String =
            sqlx::query_scalar("select crewup.fold($1)").bind(input).fetch_one(&mut conn).await.unwrap();
        assert_eq!(folded, expected, "{input}");
    }
}

#[tokio::test]
async fn e22_distance_is_right_across_the_antimeridian_and_at_the_poles() {
    let db = cluster::database().await;
    let mut conn = db.connect_as("event").await;
    let half = std::f64::consts::PI * 6_371_008.8;
    let degree = half / 180.0;
    for (from, to, metres) in [
        ((0.0, 0.0), (0.0, 0.0), 0.0),
        ((0.0, 0.0), (1.0, 0.0), degree),
        ((0.0, 179.5), (0.0, -179.5), degree),
        ((0.0, 180.0), (0.0, -180.0), 0.0),
        ((90.0, 0.0), (90.0, 123.0), 0.0),
        ((89.5, 0.0), (89.5, 180.0), degree),
        ((90.0, 10.0), (-90.0, -170.0), half),
        ((0.0, 0.0), (0.0, 180.0), half),
        ((45.0, 30.0), (-45.0, -150.0), half),
        ((12.345_678, -98.765_432), (-12.345_678, 81.234_568), half),
        // By the other formula, from the cross and dot products of the two unit vectors.
        ((52.520_008, 13.404_954), (48.137_154, 11.576_124), 504_301.525_6),
    ] {
        let found: f64 = sqlx::query_scalar("select crewup.distance_m($1, $2, $3, $4)")
            .bind(from.0)
            .bind(from.1)
            .bind(to.0)
            .bind(to.1)
            .fetch_one(&mut conn)
            .await
            .unwrap();
        // The haversine is blunt at the antipodes, where no search of at most 100 km comes.
        let allowed = if metres == half { 5.0 } else { 0.01 };
        assert!((found - metres).abs() < allowed, "{from:?} {to:?}: {found}, not {metres}");
    }
    let nowhere: Option<f64> =
        sqlx::query_scalar("select crewup.distance_m(null, null, 1, 1)").fetch_one(&mut conn).await.unwrap();
    assert_eq!(nowhere, None);
}

#[tokio::test]
async fn e22_mercator_clamps_the_poles_and_keeps_a_place_without_a_place_out() {
    let db = cluster::database().await;
    let mut conn = db.connect_as("event").await;
    let row: (bool, bool, bool, bool, bool) = sqlx::query_as(
        "select crewup.mercator(90, 5) ~= crewup.mercator(85, 5),
            crewup.mercator(-90, 5) ~= crewup.mercator(-85, 5),
            crewup.mercator(84.9, 5) <-> crewup.mercator(85, 5) > 0.5,
            crewup.mercator(0, -180) <-> point(-180, 0) < 1e-9,
            crewup.mercator(null, 5) is null",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(row, (true, true, true, true, true));
}

#[tokio::test]
async fn e22_e23_searches_by_place_and_by_text_have_an_index() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    users(&mut conn, 0..1).await;
    event(&mut conn, id(10), id(0)).await;
    conn.execute("set enable_seqscan = off").await.unwrap();
    for (index, sql) in [
        (
            "idx_events_place",
            "explain select id from events
             where latitude is not null and event_start > crewup.now()
                and crewup.mercator(latitude::float8, longitude::float8) <@ box(point(0, 0), point(1, 1))
             order by crewup.mercator(latitude::float8, longitude::float8) <-> crewup.mercator(1, 1) limit 64",
        ),
        ("idx_events_search", "explain select id from events where search_text %> crewup.fold('Café')"),
        ("idx_users_search", "explain select id from users where search_text like '%' || crewup.fold('Ann') || '%'"),
    ] {
        let plan: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.unwrap();
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:#?}");
    }
}
