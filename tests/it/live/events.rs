//! WatchEvents (E7, E12, U6).

use std::time::{Duration, Instant};

use crewup_proto::event::{
    AttendanceStatus, Event, EventState, WatchEventsResponse, WatchedEvent, watch_events_response::Change,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{Live, in_hours, party},
};

/// The next state of an event.
async fn state(live: &mut Live<WatchEventsResponse>) -> (Event, i64) {
    loop {
        match live.change().await {
            Change::Event(WatchedEvent { event, revision }) => return (event.unwrap(), revision),
            Change::Heartbeat(_) => {}
            other => panic!("{other:?} instead of an event"),
        }
    }
}

/// The id of the next event that is removed; states of others may come before.
async fn removed(live: &mut Live<WatchEventsResponse>) -> String {
    loop {
        if let Change::RemovedEventId(id) = live.change().await {
            return id;
        }
    }
}

/// Waits for the state that is wanted; what comes before has rising revisions. Answers its revision.
async fn until(live: &mut Live<WatchEventsResponse>, mut after: i64, wanted: impl Fn(&Event) -> bool) -> i64 {
    loop {
        let (event, revision) = state(live).await;
        assert!(revision > after, "{revision} after {after}");
        after = revision;
        if wanted(&event) {
            return revision;
        }
    }
}

/// A stream past its marker, with the states that came before it.
async fn watching(person: &Persona) -> (Live<WatchEventsResponse>, Vec<WatchedEvent>) {
    let mut live = person.watch_events().await.unwrap();
    assert!(matches!(live.change().await, Change::Opened(_)));
    let mut present = Vec::new();
    loop {
        match live.change().await {
            Change::Event(event) => present.push(event),
            Change::Live(_) => return (live, present),
            other => panic!("{other:?} before the marker"),
        }
    }
}

async fn two_replicas() -> Mesh {
    let mut mesh = Mesh::start().await;
    mesh.add(&crewup_event::SERVICE, &[]).await;
    mesh
}

#[tokio::test]
async fn e7_the_present_state_comes_first_then_every_change_on_every_replica() {
    let mesh = two_replicas().await;
    let (host, guest, third) = (mesh.person("host"), mesh.person("guest"), mesh.person("third"));
    guest.id().await;
    third.id().await;
    let made = host.create(party(Some(5))).await.unwrap();
    let other = host.create(party(None)).await.unwrap();
    guest.go(&made.id).await.unwrap();

    let (_, present) = watching(&host).await;
    let mut ids: Vec<_> = present.into_iter().map(|event| event.event.unwrap().id).collect();
    let mut wanted = vec![made.id.clone(), other.id.clone()];
    ids.sort();
    wanted.sort();
    assert_eq!(ids, wanted, "what one made");

    let (mut live, present) = watching(&mesh.elsewhere(&guest)).await;
    assert_eq!(present.len(), 1);
    assert_eq!(present[0].event, Some(guest.get(&made.id).await.unwrap()), "what one attends, as GetEvent shows it");
    let revision = present[0].revision;

    let later =
        Event { id: made.id.clone(), start_time: Some(in_hours(90)), end_time: Some(in_hours(93)), ..party(None) };
    host.update(later.clone(), &["start_time", "end_time"]).await.unwrap();
    let revision = until(&mut live, revision, |event| event.start_time == later.start_time).await;
    let renamed = Event { id: made.id.clone(), name: "Another".into(), ..party(None) };
    host.update(renamed, &["name"]).await.unwrap();
    let revision = until(&mut live, revision, |event| event.name == "Another").await;
    third.go(&made.id).await.unwrap();
    let revision = until(&mut live, revision, |event| event.going_count == 3).await;
    host.cancel(&made.id).await.unwrap();
    until(&mut live, revision, |event| event.state() == EventState::Cancelled).await;
}

#[tokio::test]
async fn e7_e12_what_becomes_ones_own_comes_and_what_ceases_to_be_is_removed() {
    let mesh = two_replicas().await;
    let (host, first, second) = (mesh.person("host"), mesh.person("first"), mesh.person("second"));
    first.id().await;
    second.id().await;
    let there = mesh.elsewhere(&second);
    let (mut live, present) = watching(&there).await;
    assert!(present.is_empty());

    let own = second.create(party(None)).await.unwrap();
    assert_eq!(state(&mut live).await.0.id, own.id, "made on another replica");
    let small = host.create(Event { waitlist_enabled: Some(true), ..party(Some(2)) }).await.unwrap();
    first.go(&small.id).await.unwrap();
    second.go(&small.id).await.unwrap();
    let (event, revision) = state(&mut live).await;
    assert_eq!((event.id.as_str(), event.my_attendance.unwrap().waitlist_position), (small.id.as_str(), Some(1)));
    first.leave(&small.id).await.unwrap();
    until(&mut live, revision, |event| {
        event.my_attendance.is_some_and(|mine| mine.status() == AttendanceStatus::Going)
    })
    .await;
    second.leave(&small.id).await.unwrap();
    assert_eq!(removed(&mut live).await, small.id);
    second.events().delete_event(crewup_proto::event::DeleteEventRequest { event_id: own.id.clone() }).await.unwrap();
    assert_eq!(removed(&mut live).await, own.id);
}

#[tokio::test]
async fn x8_what_no_wake_up_told_is_found_in_the_outbox_within_a_second() {
    let mesh = two_replicas().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    guest.id().await;
    let made = host.create(party(None)).await.unwrap();
    let (mut live, _) = watching(&mesh.elsewhere(&guest)).await;
    // As if the process that wrote it had died after its commit.
    let begun = Instant::now();
    let mut db = mesh.db.connect().await;
    sqlx::query(
        "with seats as (update event_seats set going = going + 1 where event_id = $1::uuid),
              told as (insert into outbox (topic, key, subject, created_at)
                       values ('attendance.changed', $1::uuid, $2::uuid, crewup.now()))
         insert into event_attendees (event_id, user_id, status, created_at, updated_at)
         values ($1::uuid, $2::uuid, 'going', crewup.now(), crewup.now())",
    )
    .bind(&made.id)
    .bind(guest.id().await)
    .execute(&mut db)
    .await
    .unwrap();
    assert_eq!(state(&mut live).await.0.id, made.id);
    assert!(begun.elapsed() < Duration::from_millis(1800), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e7_a_rush_is_seen_in_few_states_and_its_end_is_right() {
    let mesh = Mesh::racing().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    let (mut live, present) = watching(&host).await;
    let people = std::sync::Arc::new(mesh.crowd(32).await);
    let id = made.id.clone();
    crewup_tests::persona::at_once(&people, |at, people| {
        let id = id.clone();
        async move { people[at].go(&id).await.unwrap() }
    })
    .await;
    let (mut states, mut after) = (0, present[0].revision);
    loop {
        let (event, revision) = state(&mut live).await;
        assert!(revision > after);
        (states, after) = (states + 1, revision);
        if event.going_count == 33 {
            break;
        }
    }
    assert!(states < 16, "{states} states for 32 answers");
}

#[tokio::test]
async fn e13_who_waited_when_the_event_began_does_not_watch_it_any_more() {
    let mesh = Mesh::start().await;
    let (host, guest, late) = (mesh.person("host"), mesh.person("guest"), mesh.person("late"));
    let made = host.create(party(Some(2))).await.unwrap();
    guest.go(&made.id).await.unwrap();
    assert_eq!(late.go(&made.id).await.unwrap().waitlist_position, Some(1));
    assert_eq!(watching(&late).await.1.len(), 1);
    mesh.db.advance(chrono::Duration::days(7) + chrono::Duration::minutes(1)).await;
    assert_eq!(watching(&guest).await.1.len(), 1, "who goes does");
    assert_eq!(watching(&late).await.1, []);
}
