//! Services that are killed at any moment (E8, X8).

use std::{sync::Arc, time::Duration};

use crewup_proto::event::{AttendanceStatus, Event, SetAttendanceRequest};
use crewup_tests::{
    Mesh,
    persona::{at_once, party},
};
use rand::{RngExt as _, SeedableRng as _};

use crate::{
    event::{counted, react::tell},
    process::Process,
    serving::Activity,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x8_reactions_survive_kill_9_at_any_moment() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(25).await;
    let mut events = Vec::new();
    for _ in 0..4 {
        let event = people[0].create(party(Some(12))).await.unwrap().id;
        for person in &people[1..] {
            person.go(&event).await.unwrap();
        }
        events.push(event);
    }
    for person in &people[1..11] {
        let user = person.id().await;
        crate::event::waitlist::ban(&mesh, &user).await;
        tell(&mesh, &user).await;
    }
    let mut db = mesh.db.connect().await;
    // The group service is not killed here, and does not work.
    let left = "select count(*) from outbox_claims where consumer = 'event'";
    let mut kills = 0;
    while sqlx::query_scalar::<_, i64>(left).fetch_one(&mut db).await.unwrap() > 0 {
        let mut process = Process::start(&mesh, "event", &[]);
        if kills < 12 {
            let before = sqlx::query_scalar::<_, i64>(left).fetch_one(&mut db).await.unwrap();
            // From the first reaction on, a few milliseconds later.
            for _ in 0..200 {
                if sqlx::query_scalar::<_, i64>(left).fetch_one(&mut db).await.unwrap() < before {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_micros(random.random_range(0..8_000))).await;
            process.kill_9();
            kills += 1;
        } else {
            process.ready().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert!(kills > 0);
    for event in &events {
        // Eleven of the first twelve seats were people 1..=11; ten of them are banned, fourteen wait.
        let count = counted(&mesh, event).await;
        assert_eq!((count.going, count.waiting), (12, 3), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e8_a_service_that_is_killed_while_many_answer_oversells_nothing_and_keeps_what_it_answered() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mesh = Mesh::start().await;
    let people = Arc::new(mesh.crowd(64).await);
    for _ in 0..4 {
        let draft = Event { waitlist_enabled: Some(false), ..party(Some(40)) };
        let event = people[0].create(draft).await.unwrap().id;
        let mut process = Process::start(&mesh, "event", &[]);
        process.ready().await;
        let addr = process.addr;
        let answers = at_once(&people, |at, people| {
            let request = SetAttendanceRequest { event_id: event.clone(), status: AttendanceStatus::Going.into() };
            async move { people[at].events_at(addr).set_attendance(request).await.is_ok() }
        });
        let killing = async {
            tokio::time::sleep(Duration::from_micros(random.random_range(0..60_000))).await;
            process.kill_9();
        };
        let (answered, ()) = tokio::join!(answers, killing);
        Activity::of(&mesh).await.quiet().await;
        let mut going = 0;
        for (at, answered) in answered.into_iter().enumerate() {
            let held = people[at].get(&event).await.unwrap().my_attendance.unwrap_or_default().status();
            assert!(!answered || held == AttendanceStatus::Going, "seed {seed}: an answer was lost");
            going += i64::from(held == AttendanceStatus::Going);
        }
        assert_eq!(counted(&mesh, &event).await.going, going, "seed {seed}");
        // Whoever was cut off asks again.
        at_once(&people, |at, people| {
            let event = event.clone();
            async move { people[at].go(&event).await.is_ok() }
        })
        .await;
        assert_eq!(counted(&mesh, &event).await.going, 40, "seed {seed}");
    }
}
