//! How often a person may call, and how much may be open (docs/adr/0025-quotas.md).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crewup_proto::{
    call::{CALLS, Call, Quota},
    event::ListEventsRequest,
    google::r#type::LatLng,
    moderation::reported_object::Object,
    safety::{Place, TriggerAlertRequest},
};
use crewup_tests::{
    Mesh, Persona,
    persona::crew,
    raw,
    refusal::{Refusal, reason},
};
use sqlx::Executor as _;
use tonic::transport::Channel;

use crate::{group::going, safety::night_out_of};

/// Of each kind: a call, how many at once, how many a second, and whether its replicas share a bucket.
const KINDS: [(Quota, &str, f64, f64, bool); 7] = [
    (Quota::Reads, "/crewup.event.v1.EventService/GetEvent", 200.0, 20.0, true),
    (Quota::Writes, "/crewup.event.v1.EventService/SetAttendance", 60.0, 5.0, true),
    (Quota::Messages, "/crewup.group.v1.GroupService/SendMessage", 30.0, 5.0, true),
    (Quota::Searches, "/crewup.event.v1.EventService/SearchEvents", 20.0, 2.0, true),
    (Quota::Reports, "/crewup.moderation.v1.ModerationService/CreateReport", 5.0, 1.0 / 30.0, true),
    (Quota::Alerts, "/crewup.safety.v1.SafetyService/GetAlert", 60.0, 2.0, false),
    (Quota::Help, "/crewup.safety.v1.SafetyService/TriggerAlert", 30.0, 1.0, false),
];

fn found(path: &str) -> &'static Call {
    CALLS.iter().find(|call| call.path == path).expect("a call")
}

fn service_of(call: &Call) -> &'static str {
    call.path.split('.').nth(1).expect("a package")
}

/// Makes a call that says nothing; what it is refused for. None: it was not.
async fn refused(channel: &Channel, call: &'static Call, person: &Persona) -> Option<Refusal> {
    let token = format!("Bearer {}", person.token());
    let headers = [("authorization", token.as_bytes())];
    raw::call_by(channel.clone(), call.path, &headers, Vec::new()).await.err().map(|status| Refusal::of(&status))
}

/// How many calls are taken until one is refused, over these channels in turn; and that refusal.
async fn taken(channels: &[Channel], call: &'static Call, person: &Persona) -> (u32, Refusal) {
    for (at, channel) in (0..10_000).zip(channels.iter().cycle()) {
        match refused(channel, call, person).await {
            Some(refusal) if refusal.reason == "RATE_LIMITED" => return (at, refusal),
            _ => {}
        }
    }
    panic!("never refused")
}

async fn mesh() -> Mesh {
    Mesh::start_with(&["--quota-percent", "100"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_call_has_a_bucket_of_its_own_for_each_person_and_says_when_there_is_more() {
    let mesh = mesh().await;
    let (greedy, other) = (mesh.person("greedy"), mesh.person("other"));
    for (at, (quota, path, burst, per_second, shared)) in KINDS.into_iter().enumerate() {
        let call = found(path);
        assert_eq!(call.quota, quota, "{path}");
        let service = service_of(call);
        let channel = crewup_tests::persona::channel(mesh.addr(service).unwrap(), service);
        let began = Instant::now();
        let (count, refusal) = taken(std::slice::from_ref(&channel), call, &greedy).await;
        // What a replica has for itself comes on top of what is shared.
        let own = if shared { (burst * 0.1_f64).max(1.0) } else { 0.0 };
        let more = began.elapsed().as_secs_f64() * per_second * 1.1;
        let count = f64::from(count);
        // One was taken to look, for each kind before.
        let least = burst - at as f64;
        assert!(count >= least && count <= burst + own + more + 1.0, "{quota:?}: {count} of {burst} (+ {more:.1})");
        let wait = refusal.retry_after.expect("it says when");
        assert!(wait <= Duration::from_secs_f64(10.0 / per_second), "{quota:?}: {wait:?}");
        // Nobody else notices, and no other kind.
        assert_ne!(refused(&channel, call, &other).await.map(|refusal| refusal.reason), Some("RATE_LIMITED".into()));
        for (_, path, ..) in &KINDS[at + 1..] {
            let service = service_of(found(path));
            let channel = crewup_tests::persona::channel(mesh.addr(service).unwrap(), service);
            let answer = refused(&channel, found(path), &greedy).await.map(|refusal| refusal.reason);
            assert_ne!(answer, Some("RATE_LIMITED".into()), "{path} after {quota:?}");
        }
        if wait < Duration::from_secs(2) {
            tokio::time::sleep(wait).await;
            let answer = refused(&channel, call, &greedy).await.map(|refusal| refusal.reason);
            assert_ne!(answer, Some("RATE_LIMITED".into()), "{quota:?} after {wait:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_replicas_of_a_service_share_the_buckets() {
    let mut mesh = mesh().await;
    for _ in 0..2 {
        mesh.add(&crewup_event::SERVICE, &["--quota-percent", "100"]).await;
    }
    let person = mesh.person("greedy");
    let channels: Vec<_> = mesh.addrs("event").map(|addr| crewup_tests::persona::channel(addr, "event")).collect();
    assert_eq!(channels.len(), 3);
    let began = Instant::now();
    let (count, _) = taken(&channels, found("/crewup.event.v1.EventService/SearchEvents"), &person).await;
    let more = began.elapsed().as_secs_f64() * 2.0 * 1.3;
    // A tenth for each replica on top, and not a bucket for each.
    let most = 20.0 + 3.0 * 2.0 + more + 1.0;
    assert!(f64::from(count) <= most, "{count} calls, {most:.1} at most");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_nothing_else_that_a_person_does_stops_an_alert() {
    let (mesh, [_, guest, _], _, crew) = night_out_of(mesh().await).await;
    for (quota, path, ..) in KINDS {
        if quota != Quota::Help {
            let service = service_of(found(path));
            let channel = crewup_tests::persona::channel(mesh.addr(service).unwrap(), service);
            taken(&[channel], found(path), &guest).await;
        }
    }
    // The one that takes longest to fill.
    assert_eq!(reason(guest.report(Object::GroupId(crew)).await), "RATE_LIMITED");
    let place = Some(Place { location: Some(LatLng { latitude: 47.0, longitude: 8.0 }), ..Default::default() });
    let alert = guest.raise_as(TriggerAlertRequest { place, ..Default::default() }).await.unwrap();
    assert_eq!(alert.recipients.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_the_database_does_not_give_out_refuses_nobody() {
    let mesh = mesh().await;
    let (person, mut db) = (mesh.person("person"), mesh.db.connect().await);
    person.id().await;
    db.execute("begin; lock table quotas in access exclusive mode").await.unwrap();
    for n in 0..24 {
        let answer = person.events().list_events(ListEventsRequest::default()).await;
        assert!(answer.is_ok(), "{n}: {answer:?}");
    }
    db.execute("rollback").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_64_streams_at_a_replica_and_whoever_closes_one_opens_another() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(people[0].listening(&made).await);
    }
    assert_eq!(reason(people[0].listen(&made, None).await.map(drop)), "TOO_MANY_STREAMS");
    let _other = people[1].listening(&made).await;
    open.pop();
    let again = async {
        while people[0].listen(&made, None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("one is free");
}

#[tokio::test]
async fn headers_beyond_20_kib_are_refused_and_the_connection_goes_on() {
    let mesh = Mesh::start().await;
    let person = mesh.person("person");
    person.id().await;
    let channel = Arc::new(crewup_tests::persona::channel(mesh.addr("user").unwrap(), "user"));
    let call = async |size: usize| {
        let (token, filling) = (format!("Bearer {}", person.token()), vec![b'x'; size]);
        let headers = [("authorization", token.as_bytes()), ("x-filling", filling.as_slice())];
        raw::call_by((*channel).clone(), "/crewup.user.v1.UserService/GetMe", &headers, Vec::new()).await
    };
    call(16 * 1024).await.unwrap();
    let status = call(21 * 1024).await.unwrap_err();
    assert!(status.message().contains("431") || status.message().contains("h2 protocol error"), "{status:?}");
    call(0).await.unwrap();
}
