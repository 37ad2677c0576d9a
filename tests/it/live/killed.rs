//! Streams over processes that are killed at any moment (C4, S2, S7, X8).

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crewup_proto::{
    group::{StreamGroupRequest, stream_group_response::Change},
    safety::watch_alerts_response,
};
use crewup_tests::{Mesh, Persona, cluster, persona::request_id, refusal::Refusal};
use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::Mutex;
use tonic::Code;

use super::members;
use crate::{
    process::Process,
    safety::{crew, tonight},
};

const MEMBERS: usize = 50;
const WRITERS: usize = 8;
const MESSAGES: i64 = 2000;

/// Follows a crew to its entry `last`, at whichever replica answers; every entry once and in order.
async fn follows(person: &Persona, crew: &str, replicas: &[std::net::SocketAddr], last: i64, seed: u64) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut got, mut opened) = (0, 0);
    while got < last {
        let addr = replicas[random.random_range(0..replicas.len())];
        let request = StreamGroupRequest { group_id: crew.into(), after_sequence: Some(got), ..Default::default() };
        let Ok(answer) = person.groups_at(addr).stream_group(request).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        opened += 1;
        let mut live = answer.into_inner();
        while got < last {
            match live.message().await {
                Ok(Some(item)) => {
                    if let Some(Change::Entry(entry)) = item.change {
                        assert_eq!(entry.sequence, got + 1, "a gap or a double");
                        got = entry.sequence;
                    }
                }
                _ => break,
            }
        }
    }
    opened
}

/// Sends one message, again and again with its request id until it is answered.
async fn says(mesh: &Mesh, person: &Persona, crew: &str, replicas: &[std::net::SocketAddr], random: &mut StdRng) {
    let request = crewup_proto::group::SendMessageRequest {
        group_id: crew.into(),
        content: "x".into(),
        request_id: request_id(),
    };
    loop {
        let addr = replicas[random.random_range(0..replicas.len())];
        match person.groups_at(addr).send_message(request.clone()).await {
            Ok(_) => return,
            Err(status) if status.code() == Code::ResourceExhausted => {
                assert_eq!(Refusal::of(&status).reason, "RATE_LIMITED");
                mesh.db.advance(chrono::Duration::seconds(10)).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_every_reader_has_every_message_once_and_in_order_whatever_is_killed() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, MEMBERS).await;
    let last = MEMBERS as i64 + MESSAGES;
    let mut replicas = [Process::start(&mesh, "group", &[]), Process::start(&mesh, "group", &[])];
    for replica in &replicas {
        replica.ready().await;
    }
    let addrs = replicas.each_ref().map(|replica| replica.addr);
    let left = AtomicI64::new(MESSAGES);
    let writing = join_all(people[..WRITERS].iter().enumerate().map(async |(n, person)| {
        let mut random = StdRng::seed_from_u64(seed ^ n as u64);
        while left.fetch_sub(1, Ordering::Relaxed) > 0 {
            says(&mesh, person, &made, &addrs, &mut random).await;
        }
    }));
    let reading =
        join_all(people.iter().enumerate().map(|(n, person)| follows(person, &made, &addrs, last, seed + n as u64)));
    let done = Mutex::new(false);
    let name: String =
        sqlx::query_scalar("select current_database()").fetch_one(&mut mesh.db.connect().await).await.unwrap();
    let killing = async {
        let (mut killed, mut cut) = (0, 0);
        let mut db = cluster::superuser().await;
        while !*done.lock().await {
            tokio::time::sleep(Duration::from_millis(random.random_range(500..2000))).await;
            if random.random_bool(0.5) {
                let at = random.random_range(0..2);
                replicas[at].kill_9();
                replicas[at] = Process::start_at(&mesh, "group", addrs[at], &[]);
                replicas[at].ready().await;
                killed += 1;
            } else {
                let wake_ups = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                                where datname = $1 and application_name = 'crewup-group live'";
                cut += sqlx::query_scalar::<_, i64>(wake_ups).bind(&name).fetch_one(&mut db).await.unwrap();
            }
        }
        (killed, cut)
    };
    let all = async {
        let (opened, _) = tokio::join!(reading, writing);
        *done.lock().await = true;
        opened
    };
    let (opened, (killed, cut)) =
        tokio::time::timeout(Duration::from_secs(240), async { tokio::join!(all, killing) }).await.expect("an end");
    eprintln!(
        "{killed} processes killed, {cut} wake-up connections cut, {} streams opened",
        opened.iter().sum::<usize>()
    );
    assert!(killed > 2 && cut > 2, "only {killed} kills and {cut} cuts, seed {seed}");
    assert_eq!(crate::group::counted(&mesh, &made).await, (MEMBERS as i64, last), "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_s7_an_alert_whose_process_is_killed_before_it_told_anybody_reaches_every_recipient() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(6).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    crew(&event, "Owls", &people.iter().collect::<Vec<_>>()).await;
    // One replica that tells nobody of what it commits, and one on which everybody watches.
    let mut first = Process::start(&mesh, "safety", &[("CREWUP_RELAY", "off")]);
    let second = Process::start(&mesh, "safety", &[]);
    first.ready().await;
    second.ready().await;
    let mut watching = Vec::new();
    for person in &people[1..] {
        let request = crewup_proto::safety::WatchAlertsRequest::default();
        watching.push(person.safety_at(second.addr).watch_alerts(request).await.unwrap().into_inner());
    }
    let request = crewup_proto::safety::TriggerAlertRequest { request_id: request_id(), ..Default::default() };
    let raised = people[0].safety_at(first.addr).trigger_alert(request).await.unwrap().into_inner().alert.unwrap();
    first.kill_9();
    // Of every stream: how often the alert was published, when that was new.
    let mut published = vec![Vec::new(); watching.len()];
    for (level, after) in [(1, 0), (2, 61)] {
        mesh.db.advance(chrono::Duration::seconds(after)).await;
        for (live, publishes) in watching.iter_mut().zip(&mut published) {
            while publishes.last() != Some(&level) {
                let item =
                    tokio::time::timeout(Duration::from_secs(10), live.message()).await.unwrap().unwrap().unwrap();
                if let Some(watch_alerts_response::Change::Alert(alert)) = item.change {
                    assert_eq!(alert.alert.unwrap().id, raised.id);
                    if publishes.last() != Some(&alert.publish_count) {
                        publishes.push(alert.publish_count);
                    }
                }
            }
        }
    }
    assert_eq!(published, vec![vec![1, 2]; 5], "raised, and one level, once each");
    let (level, publishes, delivered): (i32, i32, i64) = sqlx::query_as(
        "select b.level, b.publish_count,
                (select count(*) from alert_recipients r where r.batch_id = b.id and r.delivered_at is not null)
         from alert_batches b where b.id = $1::uuid",
    )
    .bind(&raised.id)
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert_eq!((level, publishes, delivered), (1, 2, 5));
}
