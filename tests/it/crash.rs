//! Services that are killed at any moment (X8).

use std::time::Duration;

use crewup_tests::{Mesh, persona::party};
use rand::{RngExt as _, SeedableRng as _};

use crate::{
    event::{counted, react::tell},
    process::Process,
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
