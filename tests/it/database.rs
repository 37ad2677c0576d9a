//! The database goes away and comes back, or is another one: what callers see, and that nothing acknowledged is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crewup_proto::event::{CreateEventRequest, GetEventRequest};
use crewup_tests::{
    Mesh, Persona,
    cluster::{self, Own},
    mesh::issuer,
    persona::{party, request_id},
};
use sqlx::{AssertSqlSafe, Executor};
use tonic::Code;

/// Longer than anything here may take.
const SOON: Duration = Duration::from_secs(60);

/// What one caller saw.
#[derive(Default)]
struct Seen {
    /// Events whose making was acknowledged.
    made: BTreeSet<String>,
    /// Codes that were not OK, and how often.
    refused: BTreeMap<i32, usize>,
    /// When the first call after a refusal succeeded.
    back: Option<Instant>,
}

/// Makes events until it is told to stop, each until it is acknowledged and by one request id, and reads what it made.
async fn goes_on(person: Persona, refused: Arc<AtomicBool>, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) || (seen.back.is_none() && !seen.refused.is_empty()) {
        let create = CreateEventRequest { event: Some(party(None)), request_id: request_id() };
        let made = loop {
            match person.events().create_event(create.clone()).await {
                Ok(made) => break made.into_inner().event.unwrap().id,
                Err(status) => {
                    *seen.refused.entry(status.code() as i32).or_default() += 1;
                    refused.store(true, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        if !seen.refused.is_empty() {
            seen.back.get_or_insert_with(Instant::now);
        }
        match person.events().get_event(GetEventRequest { event_id: made.clone() }).await {
            Ok(_) => {}
            Err(status) => *seen.refused.entry(status.code() as i32).or_default() += 1,
        }
        seen.made.insert(made);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x1_x5_a_database_that_is_killed_under_load_and_comes_back_loses_nothing_acknowledged() {
    let mut own = Own::start();
    let mesh = Mesh::with(cluster::database_on(&own).await, issuer().await, &[]).await;
    let people = mesh.crowd(8).await;
    let stop = Arc::new(AtomicBool::new(false));
    let refused: Vec<_> = people.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
    let callers: Vec<_> = people
        .into_iter()
        .zip(&refused)
        .map(|(person, refused)| tokio::spawn(goes_on(person, Arc::clone(refused), Arc::clone(&stop))))
        .collect();
    let mut conn = mesh.db.connect().await;
    let some = async {
        while sqlx::query_scalar::<_, i64>("select count(*) from events").fetch_one(&mut conn).await.unwrap() < 40 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, some).await.expect("events are made");

    own.kill_9();
    let all_refused = async {
        while !refused.iter().all(|refused| refused.load(Ordering::Relaxed)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, all_refused).await.expect("everybody is told that the database is away");
    // On this thread, which lives as long as the test: the server ends with the thread that starts it.
    own.restart();
    let there = Instant::now();
    stop.store(true, Ordering::Relaxed);

    let (mut made, mut last) = (BTreeSet::new(), Duration::ZERO);
    for caller in callers {
        let seen = tokio::time::timeout(SOON, caller).await.expect("a caller ends").unwrap();
        let codes: Vec<_> = seen.refused.keys().map(|code| Code::from(*code)).collect();
        assert!(codes.iter().all(|code| [Code::Unavailable, Code::Aborted].contains(code)), "{codes:?}");
        last = last.max(seen.back.expect("it was refused").saturating_duration_since(there));
        made.extend(seen.made);
    }
    eprintln!("everybody was served again {last:?} after the database was there, {} events", made.len());
    assert!(last < Duration::from_secs(10), "{last:?}");
    let mut conn = mesh.db.connect().await;
    let found: Vec<String> = sqlx::query_scalar("select id::text from events").fetch_all(&mut conn).await.unwrap();
    let found: BTreeSet<String> = found.into_iter().collect();
    assert_eq!(found, made, "what was acknowledged is there, and nothing twice");
    drop(own);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x5_a_server_that_only_reads_is_no_database_and_is_left_as_soon_as_another_one_is_there() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let event = host.create(party(None)).await.unwrap().id;
    let mut postgres = cluster::superuser().await;
    // As a standby answers to whom a name still leads.
    let reads_only = |switch: &str| {
        let name = mesh.db.name();
        format!(
            "alter database {name} set default_transaction_read_only = {switch};
             select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        )
    };
    postgres.execute(AssertSqlSafe(reads_only("on"))).await.unwrap();
    let status = host.create(party(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let readyz = format!("http://{}/readyz", mesh.plain_addr("event").unwrap());
    let is = |code: u16| {
        let readyz = readyz.clone();
        async move { while reqwest::get(&readyz).await.unwrap().status() != code {} }
    };
    tokio::time::timeout(SOON, is(503)).await.expect("it is not ready");

    // The connections that only read stay open.
    let writes = format!("alter database {} set default_transaction_read_only = off", mesh.db.name());
    postgres.execute(AssertSqlSafe(writes)).await.unwrap();
    let again = async { while host.create(party(None)).await.is_err() {} };
    tokio::time::timeout(SOON, again).await.expect("the connections that only read are left");
    tokio::time::timeout(SOON, is(200)).await.expect("it is ready again");
    host.get(&event).await.unwrap();
}
