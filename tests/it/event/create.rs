use chrono::Duration;
use crewup_proto::{
    event::{AttendanceStatus, CreateEventRequest, Event, EventAction, EventType},
    google::r#type::LatLng,
};
use crewup_tests::{
    Mesh,
    persona::{in_hours, party, private_party, request_id},
    refusal::{reason, refused},
};
use prost_types::Timestamp;

#[tokio::test]
async fn e1_every_violation_is_named_at_once() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let wrong = Event {
        name: "  ".into(),
        address: String::new(),
        r#type: 0,
        start_time: None,
        location: Some(LatLng { latitude: 91.0, longitude: 0.0 }),
        max_attendees: Some(1),
        time_zone: "Mars/Olympus".into(),
        ..Default::default()
    };
    let refusal = refused(host.create(wrong).await);
    assert_eq!(refusal.reason, "INVALID_FIELDS");
    let expected = ["address", "location", "max_attendees", "name", "start_time", "time_zone", "type"];
    assert_eq!(refusal.fields, expected.map(|field| format!("event.{field}")));
}

#[tokio::test]
async fn e1_each_bound_holds_and_one_past_it_is_refused() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let minutes = |minutes: i64| Timestamp { seconds: in_hours(0).seconds + minutes * 60, nanos: 0 };
    let starts = |start: i64, end: Option<i64>| Event {
        start_time: Some(minutes(start)),
        end_time: end.map(|end| minutes(start + end)),
        ..party(None)
    };
    let year = 365 * 24 * 60;
    let good = [
        starts(31, None),
        starts(year - 1, None),
        starts(60, Some(1)),
        starts(60, Some(7 * 24 * 60)),
        Event { name: "é".repeat(255), ..party(None) },
        Event { location: Some(LatLng { latitude: 0.0, longitude: 0.0 }), ..party(None) },
        Event { location: Some(LatLng { latitude: -90.0, longitude: 180.0 }), ..party(None) },
        party(Some(2)),
    ];
    for (at, event) in good.into_iter().enumerate() {
        host.create(event).await.unwrap_or_else(|status| panic!("good {at}: {status:?}"));
    }
    let bad = [
        (starts(29, None), "start_time"),
        (starts(year + 2, None), "start_time"),
        (starts(60, Some(0)), "end_time"),
        (starts(60, Some(7 * 24 * 60 + 1)), "end_time"),
        (Event { name: "x".repeat(256), ..party(None) }, "name"),
        (Event { name: "a\nb".into(), ..party(None) }, "name"),
        (Event { description: "a\0b".into(), ..party(None) }, "description"),
        (Event { location: Some(LatLng { latitude: f64::NAN, longitude: 0.0 }), ..party(None) }, "location"),
        (Event { location: Some(LatLng { latitude: 0.0, longitude: 180.1 }), ..party(None) }, "location"),
        (Event { r#type: 99, ..party(None) }, "type"),
        (party(Some(1)), "max_attendees"),
        (party(Some(-5)), "max_attendees"),
    ];
    for (event, field) in bad {
        assert_eq!(refused(host.create(event).await).fields, [format!("event.{field}")]);
    }
}

#[tokio::test]
async fn e19_the_creator_is_going_from_the_creation_and_reads_back_what_was_made() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let draft = Event {
        description: "Two floors".into(),
        location: Some(LatLng { latitude: 47.391_234_567, longitude: 8.515_432_1 }),
        time_zone: "Europe/Zurich".into(),
        ..party(Some(6))
    };
    let made = host.create(draft.clone()).await.unwrap();
    assert_eq!(made, host.get(&made.id).await.unwrap());
    assert_eq!(made.creator_id, host.id().await);
    assert_eq!(may(&made), [EventAction::Update, EventAction::Cancel, EventAction::Delete, EventAction::Attend]);
    assert_eq!((made.going_count, made.free_seats), (1, Some(5)));
    assert_eq!(made.my_attendance.unwrap().status(), AttendanceStatus::Going);
    assert_eq!((made.name, made.r#type, made.start_time), (draft.name, i32::from(EventType::Club), draft.start_time));
    assert_eq!(made.location.unwrap().latitude, 47.391_234_57, "rounded to 8 places");
    assert_eq!(made.time_zone, "Europe/Zurich", "E3: the zone is kept");
    assert_eq!((made.waitlist_enabled, made.is_public), (Some(true), Some(true)), "the defaults");
}

#[tokio::test]
async fn e2_an_event_without_an_end_is_over_after_24_hours() {
    let mesh = Mesh::start().await;
    let made = mesh.person("host").create(Event { end_time: None, ..party(None) }).await.unwrap();
    let (start, end) = (made.start_time.unwrap(), made.effective_end_time.unwrap());
    assert_eq!(end.seconds - start.seconds, 24 * 3600);
    assert_eq!(made.end_time, None);
}

#[tokio::test]
async fn x1_a_retry_answers_the_same_event_and_another_request_is_refused() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let request = CreateEventRequest { event: Some(party(Some(3))), request_id: request_id() };
    let create = |request: CreateEventRequest| async { host.events().create_event(request).await };
    let first = create(request.clone()).await.unwrap().into_inner().event.unwrap();
    let again = create(request.clone()).await.unwrap().into_inner().event.unwrap();
    assert_eq!(first, again);
    let mut other = request;
    other.event.as_mut().unwrap().name = "Another".into();
    assert_eq!(reason(create(other).await), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn x1_a_failed_call_leaves_no_key() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let id = request_id();
    let create = |event: Event| {
        let request = CreateEventRequest { event: Some(event), request_id: id.clone() };
        let mut events = host.events();
        async move { events.create_event(request).await }
    };
    assert_eq!(reason(create(party(Some(1))).await), "INVALID_FIELDS");
    create(party(Some(2))).await.unwrap();
}

#[tokio::test]
async fn x1_a_retry_is_answered_when_the_time_for_a_first_call_is_over() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let soon = Timestamp { seconds: in_hours(0).seconds + 31 * 60, nanos: 0 };
    let event = Event { start_time: Some(soon), end_time: None, ..party(None) };
    let request = CreateEventRequest { event: Some(event), request_id: request_id() };
    let first = host.events().create_event(request.clone()).await.unwrap().into_inner().event.unwrap();
    mesh.db.advance(chrono::Duration::minutes(10)).await;
    let again = host.events().create_event(request.clone()).await.unwrap().into_inner().event.unwrap();
    assert_eq!(first.id, again.id);
    let late = CreateEventRequest { request_id: request_id(), ..request };
    assert_eq!(refused(host.events().create_event(late).await).fields, ["event.start_time"]);
}

fn may(event: &Event) -> Vec<EventAction> {
    event.allowed_actions.iter().filter_map(|action| EventAction::try_from(*action).ok()).collect()
}

#[tokio::test]
async fn e5_e16_what_one_may_do_with_an_event_follows_its_start_its_end_and_its_cancellation() {
    use EventAction::*;
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let private = host.create(private_party(None)).await.unwrap();
    assert_eq!(may(&private), [Update, Cancel, Invite, Delete, Attend]);
    let visited = host.create(party(None)).await.unwrap();
    assert_eq!(may(&guest.get(&visited.id).await.unwrap()), [Attend]);
    guest.go(&visited.id).await.unwrap();
    assert_eq!(may(&host.get(&visited.id).await.unwrap()), [Update, Cancel, Attend], "somebody joined");

    let [lonely, cancelled] = [host.create(party(None)).await.unwrap(), host.create(party(None)).await.unwrap()];
    guest.go(&cancelled.id).await.unwrap();
    assert_eq!(may(&host.cancel(&lonely.id).await.unwrap()), [Delete]);
    assert_eq!(may(&host.cancel(&cancelled.id).await.unwrap()), []);
    assert_eq!(may(&guest.get(&cancelled.id).await.unwrap()), []);

    mesh.db.advance(Duration::days(7) + Duration::minutes(1)).await;
    assert_eq!(may(&host.get(&private.id).await.unwrap()), [UpdateStarted, Cancel, Invite, Delete, Attend]);
    assert_eq!(may(&host.get(&visited.id).await.unwrap()), [UpdateStarted, Cancel, Attend]);
    assert_eq!(may(&guest.get(&visited.id).await.unwrap()), [Attend]);
    mesh.db.advance(Duration::hours(6)).await;
    assert_eq!(may(&host.get(&private.id).await.unwrap()), [Delete]);
    assert_eq!(may(&host.get(&visited.id).await.unwrap()), []);
    assert_eq!(may(&guest.get(&visited.id).await.unwrap()), []);
}
