//! A new release, replica by replica, under load (X13): two replicas of each service behind two Envoys, as the chart sets them.

use std::{
    error::Error as _,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use crewup_proto::{
    event::{GetEventRequest, ListEventsRequest},
    group::{ListMessagesRequest, ListMyGroupsRequest},
    moderation::GetMyBanRequest,
    safety::ListAlertsRequest,
    user::GetMeRequest,
};
use crewup_tests::{Mesh, Persona};
use futures_util::future::join_all;
use tonic::{Code, Status};

use super::{
    edge::{Edge, plain},
    members,
};
use crate::process::Process;

const SERVICES: [&str; 5] = ["event", "group", "user", "safety", "moderation"];
const CALLS: u64 = 5_000;
const CALLERS: usize = 8;
/// How often a client tries a safe call, as the TypeScript client does.
const TRIES: u32 = 4;

/// One safe call of each service in turn, at one of the edges.
async fn call(person: &Persona, edge: SocketAddr, n: u64, event: &str, crew: &str) -> Result<(), Status> {
    let (event_id, group_id) = (event.to_owned(), crew.to_owned());
    let person = person.through(&plain(edge));
    match n % 7 {
        0 => person.events().get_event(GetEventRequest { event_id }).await.map(drop),
        1 => person.events().list_events(ListEventsRequest::default()).await.map(drop),
        2 => person.groups().list_messages(ListMessagesRequest { group_id, ..Default::default() }).await.map(drop),
        3 => person.groups().list_my_groups(ListMyGroupsRequest::default()).await.map(drop),
        4 => person.users().get_me(GetMeRequest {}).await.map(drop),
        5 => person.safety().list_alerts(ListAlertsRequest::default()).await.map(drop),
        _ => match person.moderation().get_my_ban(GetMyBanRequest {}).await {
            // There is none.
            Err(status) if status.code() == Code::FailedPrecondition => Ok(()),
            answer => answer.map(drop),
        },
    }
}

/// Whether a client tries a safe call once more. CANCELLED with a cause is no answer: tonic says so of a connection that closed
/// before the call had left.
fn is_lost(status: &Status) -> bool {
    let unsent = status.code() == Code::Cancelled && status.source().is_some();
    unsent || matches!(status.code(), Code::Unavailable | Code::Unknown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn x13_a_rolling_restart_of_all_services_and_both_envoys_fails_no_safe_call() {
    let mesh = Mesh::start().await;
    let (people, crew) = members(&mesh, CALLERS).await;
    let event = people[0].crew(&crew).await.unwrap().event_id;
    let mut services: Vec<(&'static str, [Process; 2])> = Vec::new();
    for service in SERVICES {
        services.push((service, [Process::start(&mesh, service, &[]), Process::start(&mesh, service, &[])]));
    }
    for process in services.iter().flat_map(|(_, both)| both) {
        process.ready().await;
    }
    let replicas: Vec<_> = services.iter().map(|(name, both)| (*name, both.each_ref().map(|one| one.addr))).collect();
    let mut edges = [Edge::start(&replicas).await, Edge::start(&replicas).await];
    let addrs = edges.each_ref().map(|edge| edge.addr);

    let (made, again, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let calling = join_all(people.iter().map(async |person| {
        let mut failed = Vec::new();
        loop {
            let n = made.fetch_add(1, Ordering::Relaxed);
            if n >= CALLS && stop.load(Ordering::Relaxed) {
                return failed;
            }
            let mut tries = 0;
            while let Err(status) = call(person, addrs[(n + u64::from(tries)) as usize % 2], n, &event, &crew).await {
                tries += 1;
                again.fetch_add(1, Ordering::Relaxed);
                if tries == TRIES || !is_lost(&status) {
                    failed.push(status);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(rand::random_range(0..100 << tries))).await;
            }
        }
    }));
    let rolling = async {
        for (name, both) in &mut services {
            for process in both {
                assert!(process.terminate().await.success(), "{name} ends cleanly");
                *process = Process::start_at(&mesh, name, process.addr, &[]);
                process.ready().await;
                for edge in &edges {
                    edge.healthy(&replicas).await;
                }
            }
        }
        for edge in &mut edges {
            edge.restart(&replicas).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (failed, ()) =
        tokio::time::timeout(Duration::from_secs(300), async { tokio::join!(calling, rolling) }).await.expect("an end");
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    let made = made.load(Ordering::Relaxed) - CALLERS as u64;
    eprintln!("{made} calls, {} made again, {} failed", again.load(Ordering::Relaxed), failed.len());
    assert!(made >= CALLS);
    assert!(failed.is_empty(), "{} of {made} calls failed, the first: {:?}", failed.len(), failed[0]);
}
