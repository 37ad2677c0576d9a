//! A chat that has had its life (G10).

use chrono::Duration;
use crewup_proto::{group::stream_group_response::Change, moderation::reported_object::Object};
use crewup_tests::{Mesh, Refusal, persona::crew};
use sqlx::PgConnection;

use super::going;
use crate::{live::untold, process::sweep};

/// More than goes at once.
const MANY: i64 = 6000;

async fn rows(db: &mut PgConnection, crew: &str) -> (i64, i64) {
    sqlx::query_as(
        "select (select count(*) from messages where group_id = $1::uuid),
                (select count(*) from timeline where group_id = $1::uuid)",
    )
    .bind(crew)
    .fetch_one(db)
    .await
    .unwrap()
}

/// Sweeps until the rows of a crew are gone.
async fn forgotten(mesh: &Mesh, db: &mut PgConnection, crew: &str) {
    let gone = async {
        while rows(db, crew).await != (0, 0) {
            sweep(mesh, "group").await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.expect("it goes");
}

#[tokio::test]
async fn g10_a_year_after_its_event_a_chat_is_forgotten_and_the_crew_stays() {
    let mesh = Mesh::start().await;
    let mut db = mesh.db.connect().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    let edited = people[0].say(&made, "First").await.unwrap();
    people[0].reword(&edited.id, "second").await.unwrap();
    let retracted = people[0].say(&made, "never mind").await.unwrap();
    people[0].retract(&retracted.id).await.unwrap();
    people[1].report(Object::MessageId(edited.id.clone())).await.unwrap();
    untold(&mesh, &made, &people[1], MANY, "x").await;
    let (_, last) = super::counted(&mesh, &made).await;

    // The event is in a week and has no end: it ends a day after.
    mesh.db.advance(Duration::days(7 + 1 + 364)).await;
    sweep(&mesh, "group").await;
    assert_eq!(super::counted(&mesh, &made).await, (2, last), "not before its time");
    assert_eq!(people[1].listen(&made, Some(0)).await.unwrap().history().await.len(), usize::try_from(last).unwrap());

    mesh.db.advance(Duration::days(2)).await;
    forgotten(&mesh, &mut db, &made).await;
    let read = people[1].read(&made, None, 0).await.unwrap();
    assert_eq!((read.entries.len(), read.last_sequence), (0, last), "the numbers go on");
    let seen = people[0].crew(&made).await.unwrap();
    assert_eq!(seen.member_count, 2);
    let snapshots: Vec<String> = sqlx::query_scalar("select snapshot from reports").fetch_all(&mut db).await.unwrap();
    assert_eq!(snapshots, ["second"], "what was reported is the moderators'");

    // What happens afterwards is told from there on, also to who asks for what is gone.
    for after in [0, 3, last - 1] {
        let mut live = people[0].listen(&made, Some(after)).await.unwrap();
        assert!(live.history().await.is_empty(), "after {after}");
    }
    let mut live = people[0].listen(&made, Some(3)).await.unwrap();
    live.history().await;
    people[1].quit(&made).await.unwrap();
    assert_eq!(live.entry().await.sequence, last + 1);
    let mut anew = people[0].listen(&made, Some(0)).await.unwrap();
    assert_eq!(anew.history().await, [last + 1]);
}

/// More than a stream takes on the way to who does not read it.
const LONG: usize = 800;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_c4_a_stream_that_is_behind_when_its_chat_is_forgotten_says_so_and_leaves_no_gap() {
    let mesh = Mesh::start().await;
    let mut db = mesh.db.connect().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    untold(&mesh, &made, &people[0], MANY, &"x".repeat(LONG)).await;
    let (_, last) = super::counted(&mesh, &made).await;
    mesh.db.advance(Duration::days(7 + 1 + 366)).await;
    let mut live = people[0].listen(&made, Some(0)).await.unwrap();
    forgotten(&mesh, &mut db, &made).await;
    let reading = async {
        let mut got = 0;
        loop {
            match live.next().await {
                Ok(item) => {
                    if let Some(Change::Entry(entry)) = item.change {
                        assert_eq!(entry.sequence, got + 1, "a gap");
                        got = entry.sequence;
                    }
                }
                Err(status) => return (Refusal::of(&status), got),
            }
        }
    };
    let (end, got) = tokio::time::timeout(std::time::Duration::from_secs(20), reading).await.expect("an end");
    assert_eq!((end.reason.as_str(), end.sequence), ("STREAM_MOVED", Some(got)));
    assert!(got < last, "it was behind");
    assert!(people[0].listen(&made, Some(got)).await.unwrap().history().await.is_empty());
}

#[tokio::test]
async fn g10_a_year_after_it_was_archived_a_chat_is_forgotten_whenever_the_event_is() {
    let mesh = Mesh::start().await;
    let mut db = mesh.db.connect().await;
    let (people, event) = going(&mesh, 2).await;
    let gone = people[0].form(crew(&event, 5)).await.unwrap().id;
    let kept = people[0].form(crew(&event, 5)).await.unwrap().id;
    for crew in [&gone, &kept] {
        people[0].say(crew, "x").await.unwrap();
    }
    people[0].disband(&gone).await.unwrap();
    mesh.db.advance(Duration::days(366)).await;
    forgotten(&mesh, &mut db, &gone).await;
    assert_eq!(rows(&mut db, &kept).await, (1, 1), "its event ended a week later");
}
