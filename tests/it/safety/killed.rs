//! Escalation by a worker that is killed at any moment (S7).

use std::time::Duration as Wait;

use chrono::Duration;
use crewup_tests::{Mesh, persona::crew};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::tonight;
use crate::process::Process;

/// People in one crew, who all call for help.
const PEOPLE: usize = 30;
/// Kills at each level, as long as there is something left to do.
const KILLS: usize = 10;

/// How far the alerts are: how many are at the level, and how many of those were neither published nor told of once for
/// each level up to it, or are not known to all their recipients since then.
async fn at_level(mesh: &Mesh, level: i32) -> (i64, i64) {
    sqlx::query_as(
        "select count(*) filter (where b.level = $1),
                count(*) filter (where b.level = $1 and (b.publish_count <> 1 + $1
                    or 1 + $1 <> (select count(*) from outbox o where o.topic = 'alert.changed' and o.key = b.id)
                    or exists (select from alert_recipients r where r.batch_id = b.id
                               and r.published_at < b.raised_at + interval '60 seconds' * $1)))
         from alert_batches b",
    )
    .bind(level)
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap()
}

/// Lets the worker raise all alerts to the level, killing it again and again while it does. Answers the kills.
async fn raised_to(mesh: &Mesh, level: i32, random: &mut StdRng) -> usize {
    let mut kills = 0;
    loop {
        let mut worker = Process::start(mesh, "safety", &[]);
        let before = at_level(mesh, level).await.0;
        let progress = async {
            while at_level(mesh, level).await.0 == before {
                tokio::time::sleep(Wait::from_millis(1)).await;
            }
        };
        // From the first alert on, a few milliseconds later.
        tokio::time::timeout(Wait::from_secs(20), progress).await.expect("the worker works");
        if kills < KILLS {
            tokio::time::sleep(Wait::from_micros(random.random_range(0..8_000))).await;
            worker.kill_9();
            kills += 1;
        } else {
            let all = async {
                while at_level(mesh, level).await.0 < PEOPLE as i64 {
                    tokio::time::sleep(Wait::from_millis(10)).await;
                }
            };
            tokio::time::timeout(Wait::from_secs(20), all).await.expect("no alert is lost");
        }
        if at_level(mesh, level).await.0 == PEOPLE as i64 {
            return kills;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_worker_that_is_killed_at_any_moment_raises_each_level_once_and_loses_none() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // The mesh's own safety service has no worker.
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(PEOPLE).await;
    let members: Vec<_> = people.iter().collect();
    let event = tonight(&members).await;
    let owls = people[0].form(crew(&event.id, 50)).await.unwrap().id;
    for person in &people[1..] {
        person.join(&owls).await.unwrap();
    }
    // The crew is as it is before anybody calls, or the alerts would be told of again for that.
    let first = Process::start(&mesh, "safety", &[]);
    mesh.settled_for(&["safety"]).await;
    drop(first);
    for person in &people {
        person.raise().await.unwrap();
    }
    // Each level in its own time: what is due for both at once would be raised twice in a row.
    for (level, seconds) in [(1, 100), (2, 120)] {
        mesh.db.advance(Duration::seconds(seconds)).await;
        let kills = raised_to(&mesh, level, &mut random).await;
        assert!(kills > 2, "only {kills} kills at level {level}, seed {seed}");
        assert_eq!(at_level(&mesh, level).await, (PEOPLE as i64, 0), "level {level}, seed {seed}");
    }
    // There is no third, however long it takes: the one of somebody who calls again shows that the worker was there.
    let last = people[0].raise().await.unwrap();
    let worker = Process::start(&mesh, "safety", &[]);
    worker.ready().await;
    mesh.db.advance(Duration::minutes(10)).await;
    super::escalation::until(&people[0], &last.id, |alert| alert.escalation_level == 2).await;
    let (there, _) = at_level(&mesh, 2).await;
    let more: i64 = sqlx::query_scalar("select count(*) from alert_batches where publish_count > 3")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!((there, more), (PEOPLE as i64, 1), "seed {seed}");
}
