//! Services that call a service of many replicas: both are called, and one that is killed is missed by nobody.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crewup_proto::{event::GetEventRequest, moderation::reported_object::Object};
use crewup_tests::{Mesh, persona::report_of, ports};
use futures_util::future::{BoxFuture, join_all};
use tonic::{Code, Status};

use crate::{process::Process, user::absent};

const CALLERS: usize = 16;

/// Where the three replicas of this test are: the same port of three addresses.
const HOMES: [Ipv4Addr; 3] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];

/// What DNS says of a service of three replicas.
fn homes(_host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(HOMES.map(|home| SocketAddr::from((home, port))).to_vec()) })
}

/// How many calls of other services a replica has served.
async fn served(replica: &Process) -> u64 {
    let url = format!("http://{}/metrics", replica.plain);
    let figures = reqwest::get(url).await.unwrap().text().await.unwrap();
    let calls = figures.lines().filter(|line| line.contains("duration_seconds_count") && line.contains("Internal"));
    calls.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Waits until a replica has served some calls more.
async fn until_called(replica: &Process) {
    let before = served(replica).await;
    let called = async {
        while served(replica).await < before + 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), called).await.expect("a replica is called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u1_m6_no_call_that_asks_the_user_service_fails_while_one_of_its_three_replicas_is_killed() {
    let mut mesh = Mesh::start().await;
    let port = ports::free_at(&HOMES);
    let start = |mesh: &Mesh, at: usize| Process::start_at(mesh, "user", (HOMES[at], port).into(), &[]);
    let mut replicas = [0, 1, 2].map(|at| start(&mesh, at));
    for replica in &replicas {
        replica.ready().await;
    }
    let asks = ["--user-url", &format!("https://users.test:{port}"), "--db-connections", "20"];
    let events = mesh.add_asking(&crewup_event::SERVICE, &asks, homes).await;
    let moderation = mesh.add_asking(&crewup_moderation::SERVICE, &asks, homes).await;
    let host = mesh.person("host").id().await;

    let (mesh, done) = (Arc::new(mesh), Arc::new(AtomicBool::new(false)));
    let failed = Arc::new(Mutex::new(Vec::<(&str, Status)>::new()));
    let callers = (0..CALLERS).map(|caller| {
        let (mesh, done, failed, host) = (Arc::clone(&mesh), Arc::clone(&done), Arc::clone(&failed), host.clone());
        tokio::spawn(async move {
            let mut made = 0;
            while !done.load(Ordering::SeqCst) {
                // Each is new to the service that is called: EnsureUser, and then also DescribeObject.
                let [reader, reporter] =
                    ["reader", "reporter"].map(|name| mesh.person(&format!("{name}-{caller}-{made}")));
                let read = reader.events_at(events).get_event(GetEventRequest { event_id: absent() }).await;
                let read =
                    read.map(drop).or_else(|status| if status.code() == Code::NotFound { Ok(()) } else { Err(status) });
                let report = report_of(Object::UserId(host.clone()));
                let report = reporter.moderation_at(moderation).create_report(report).await.map(drop);
                let wrong = [("read", read), ("report", report)];
                failed.lock().unwrap().extend(wrong.into_iter().filter_map(|(what, done)| Some((what, done.err()?))));
                made += 1;
            }
            made
        })
    });
    let callers: Vec<_> = callers.collect();
    for at in [0, 1, 2, 0, 1, 2] {
        for replica in &replicas {
            until_called(replica).await;
        }
        replicas[at].kill_9();
        for other in (0..3).filter(|other| *other != at) {
            until_called(&replicas[other]).await;
        }
        replicas[at] = start(&mesh, at);
        replicas[at].ready().await;
    }
    done.store(true, Ordering::SeqCst);
    let made: usize = join_all(callers).await.into_iter().map(|made| made.unwrap()).sum();
    let failed = failed.lock().unwrap();
    assert!(failed.is_empty(), "{} of {}: {:?}", failed.len(), 2 * made, failed[0]);
    assert!(made > 50, "{made}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_a_service_that_has_the_client_secret_of_before_says_unavailable_until_it_is_started_with_the_new_one() {
    let mesh = Mesh::start().await;
    let (host, reporter) = (mesh.person("host").id().await, mesh.person("reporter"));
    reporter.id().await;
    let mut stale = Process::start(&mesh, "moderation", &[("CREWUP_CLIENT_SECRET", "the one of before")]);
    stale.ready().await;
    let report = report_of(Object::UserId(host));
    let refused = reporter.moderation_at(stale.addr).create_report(report.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(stale.logged().contains("401 Unauthorized"), "{}", stale.logged());

    stale.terminate().await;
    let renewed = Process::start_at(&mesh, "moderation", stale.addr, &[]);
    renewed.ready().await;
    reporter.moderation_at(renewed.addr).create_report(report).await.unwrap();
}
