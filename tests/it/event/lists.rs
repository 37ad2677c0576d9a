use std::collections::HashSet;

use chrono::Duration;
use crewup_proto::{
    common::TimeWindow,
    event::{list_events_request::Order, *},
};
use crewup_tests::{
    Mesh, Persona,
    persona::{in_hours, pages, party, private_party, request_id},
    refusal::{reason, refused},
};
use tonic::Status;

async fn list(person: &Persona, request: ListEventsRequest) -> Result<ListEventsResponse, Status> {
    Ok(person.events().list_events(request).await?.into_inner())
}

/// All pages, in pages of `size`.
async fn all(person: &Persona, request: ListEventsRequest, size: i32) -> Vec<Event> {
    let page = async |request| {
        let page = list(person, request).await.unwrap();
        (page.events, page.next_page_token)
    };
    pages(ListEventsRequest { page_size: size, ..request }, page).await
}

async fn some_events(host: &Persona) -> Vec<Event> {
    let mut made = Vec::new();
    for at in 0..7_i64 {
        // Two of them start at the same instant.
        let start = in_hours(24 * (1 + at / 2));
        let kind = if at % 2 == 0 { EventType::Bar } else { EventType::Concert };
        let event = Event { start_time: Some(start), end_time: None, r#type: kind.into(), ..party(None) };
        made.push(host.create(event).await.unwrap());
    }
    made
}

#[tokio::test]
async fn e21_pages_of_every_order_hold_each_event_once_in_order() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = some_events(&host).await;
    let host_id = host.id().await;
    for creator_id in [String::new(), host_id] {
        for order in [Order::StartAscending, Order::StartDescending, Order::CreateDescending] {
            let filter = Some(EventFilter { creator_id: creator_id.clone(), ..Default::default() });
            let request = ListEventsRequest { filter, order: order.into(), ..Default::default() };
            let events = all(&host, request, 2).await;
            let ids: HashSet<_> = events.iter().map(|event| &event.id).collect();
            assert_eq!((events.len(), ids.len()), (made.len(), made.len()), "{order:?}");
            let keys: Vec<_> = events
                .iter()
                .map(|event| {
                    let at = if order == Order::CreateDescending { &event.create_time } else { &event.start_time };
                    let at = at.as_ref().unwrap();
                    (at.seconds, at.nanos)
                })
                .collect();
            let sorted = if order == Order::StartAscending { keys.is_sorted() } else { keys.iter().rev().is_sorted() };
            assert!(sorted, "{order:?}: {keys:?}");
        }
    }
}

#[tokio::test]
async fn e21_a_window_holds_what_runs_at_its_beginning_and_what_starts_in_it_on_pages_of_any_size_and_order() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let (from, before) = (in_hours(36), in_hours(60));
    // Over before it, until it begins, into it, over all of it; at its very beginning, within, at its very end.
    let times = [
        (in_hours(1), Some(in_hours(3))),
        (in_hours(20), Some(from)),
        (in_hours(20), Some(in_hours(37))),
        (in_hours(20), Some(in_hours(37))),
        (in_hours(2), Some(in_hours(90))),
        (from, Some(in_hours(38))),
        (from, None),
        (in_hours(40), None),
        (in_hours(59), None),
        (before, None),
    ];
    let mut made = Vec::new();
    for (start, end_time) in times {
        let event = Event { start_time: Some(start), end_time, ..party(None) };
        made.push(host.create(event).await.unwrap());
    }
    let at = |time: &Option<prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos)).unwrap();
    let (first, last) = (at(&Some(from)), at(&Some(before)));
    let within = made.iter().filter(|event| at(&event.effective_end_time) > first && at(&event.start_time) < last);
    let mut expected: Vec<_> = within.map(|event| (at(&event.start_time), event.id.clone())).collect();
    expected.sort();
    assert_eq!(expected.len(), 7);
    for order in [Order::StartAscending, Order::StartDescending] {
        for size in [1, 2, 3, 10] {
            let window = Some(TimeWindow { start_time: Some(from), end_time: Some(before) });
            let filter = Some(EventFilter { window, ..Default::default() });
            let request = ListEventsRequest { filter, order: order.into(), ..Default::default() };
            let found = all(&host, request, size).await;
            let found: Vec<_> = found.into_iter().map(|event| (at(&event.start_time), event.id)).collect();
            assert_eq!(found, expected, "{order:?}, {size} a page");
        }
        expected.reverse();
    }
}

#[tokio::test]
async fn e21_a_filter_narrows_before_the_limit_and_the_total_counts_all_pages() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = some_events(&host).await;
    guest.answer(&made[0].id, AttendanceStatus::Interested).await.unwrap();
    guest.go(&made[1].id).await.unwrap();
    host.cancel(&made[2].id).await.unwrap();
    let counted = |person: &Persona, filter: EventFilter| {
        let request =
            ListEventsRequest { filter: Some(filter), page_size: 1, include_total: true, ..Default::default() };
        let mut events = person.events();
        async move { events.list_events(request).await.unwrap().into_inner().total_size.unwrap() }
    };
    let window =
        |start: i64, end: i64| Some(TimeWindow { start_time: Some(in_hours(start)), end_time: Some(in_hours(end)) });
    assert_eq!(counted(&guest, EventFilter::default()).await, 6);
    assert_eq!(counted(&guest, EventFilter { include_cancelled: true, ..Default::default() }).await, 7);
    let bars = EventFilter { types: vec![EventType::Bar.into()], ..Default::default() };
    assert_eq!(counted(&guest, bars).await, 3);
    let mine = |statuses: &[AttendanceStatus]| EventFilter {
        my_statuses: statuses.iter().map(|status| (*status).into()).collect(),
        ..Default::default()
    };
    assert_eq!(counted(&guest, mine(&[AttendanceStatus::Going])).await, 1);
    assert_eq!(counted(&guest, mine(&[AttendanceStatus::Going, AttendanceStatus::Interested])).await, 2);
    // Open ends last 24 hours (E2): what began on the day before is still there in the middle of the second.
    assert_eq!(counted(&guest, EventFilter { window: window(36, 37), ..Default::default() }).await, 2);
    let request = ListEventsRequest { filter: Some(mine(&[AttendanceStatus::Going])), ..Default::default() };
    assert_eq!(list(&guest, request).await.unwrap().events[0].id, made[1].id);
}

#[tokio::test]
async fn e2_an_event_without_an_end_is_in_the_list_while_it_runs() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(Event { start_time: Some(in_hours(1)), end_time: None, ..party(None) }).await.unwrap();
    mesh.db.advance(Duration::hours(20)).await;
    let window = Some(TimeWindow { start_time: Some(in_hours(20)), end_time: None });
    let running =
        ListEventsRequest { filter: Some(EventFilter { window, ..Default::default() }), ..Default::default() };
    assert_eq!(list(&host, running).await.unwrap().events[0].id, made.id);
}

#[tokio::test]
async fn e21_a_token_is_refused_under_another_filter_or_caller_or_when_damaged() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    some_events(&host).await;
    let first = ListEventsRequest { page_size: 2, ..Default::default() };
    let token = list(&host, first.clone()).await.unwrap().next_page_token;
    let with = |token: &str| ListEventsRequest { page_token: token.to_owned(), ..first.clone() };
    list(&host, with(&token)).await.unwrap();
    list(&host, ListEventsRequest { page_size: 3, ..with(&token) }).await.unwrap();
    assert_eq!(reason(list(&guest, with(&token)).await), "INVALID_PAGE_TOKEN");
    let other = ListEventsRequest { order: Order::StartDescending.into(), ..with(&token) };
    assert_eq!(reason(list(&host, other).await), "INVALID_PAGE_TOKEN");
    let mut damaged = token.clone();
    damaged.replace_range(3..4, if &token[3..4] == "A" { "B" } else { "A" });
    for token in [damaged.as_str(), "x", "not a token", &token[1..]] {
        assert_eq!(reason(list(&host, with(token)).await), "INVALID_PAGE_TOKEN");
    }
}

#[tokio::test]
async fn e21_a_page_size_is_clamped_zero_is_the_default_and_negative_an_error() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    some_events(&host).await;
    let sized = |page_size: i32| ListEventsRequest { page_size, ..Default::default() };
    for size in [0, 100, 100_000] {
        assert_eq!(list(&host, sized(size)).await.unwrap().events.len(), 7);
    }
    assert_eq!(refused(list(&host, sized(-1)).await).fields, ["page_size"]);
}

#[tokio::test]
async fn a_batch_keeps_the_order_and_leaves_out_what_is_absent() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = some_events(&host).await;
    let absent = uuid::Uuid::now_v7().to_string();
    let ids = vec![made[3].id.clone(), absent, made[1].id.clone(), made[3].id.clone()];
    let batch = |event_ids: Vec<String>| {
        let mut events = host.events();
        async move { events.batch_get_events(BatchGetEventsRequest { event_ids }).await }
    };
    let found = batch(ids).await.unwrap().into_inner().events;
    assert_eq!(found, [made[3].clone(), made[1].clone()]);
    assert_eq!(refused(batch(Vec::new()).await).fields, ["event_ids"]);
    assert_eq!(refused(batch(vec![made[0].id.clone(); 101]).await).fields, ["event_ids"]);
}

#[tokio::test]
async fn e21_pages_of_attendees_hold_each_once_the_oldest_answer_first_whatever_their_status() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(8).await;
    let made = people[0].create(party(None)).await.unwrap().id;
    // An answer keeps its place where it changes; two of them are of the same instant.
    for person in &people[1..] {
        person.go(&made).await.unwrap();
    }
    for person in people[1..].iter().rev().step_by(2) {
        person.answer(&made, AttendanceStatus::Interested).await.unwrap();
    }
    let same = "update event_attendees set created_at = (select min(created_at) from event_attendees)
                where user_id = any($1::uuid[])";
    let mut first = [people[0].id().await, people[2].id().await];
    first.sort();
    let moved = sqlx::query(same).bind(&first[..]).execute(&mut mesh.db.connect().await).await.unwrap();
    assert_eq!(moved.rows_affected(), 2);
    let (mut going, mut interested) = (first.to_vec(), Vec::new());
    for (at, person) in people.iter().enumerate() {
        match at {
            0 | 2 => {}
            _ if at % 2 == 0 => going.push(person.id().await),
            _ => interested.push(person.id().await),
        }
    }
    for (status, expected) in [
        (AttendanceStatus::Unspecified, &going),
        (AttendanceStatus::Going, &going),
        (AttendanceStatus::Interested, &interested),
        (AttendanceStatus::NotGoing, &Vec::new()),
    ] {
        for size in [1, 2, 3, 4, 100] {
            let event_id = made.clone();
            let request =
                ListAttendeesRequest { event_id, status: status.into(), page_size: size, ..Default::default() };
            let found = pages(request, async |request| {
                let page = people[1].events().list_attendees(request).await.unwrap().into_inner();
                (page.attendees, page.next_page_token)
            });
            let found: Vec<_> = found.await.into_iter().map(|attendee| attendee.user_id).collect();
            assert_eq!(found, *expected, "{status:?}, {size} a page");
        }
    }
}

#[tokio::test]
async fn e21_pages_of_invitations_hold_each_once_the_newest_first() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let event_id = host.create(private_party(None)).await.unwrap().id;
    let other = host.create(private_party(None)).await.unwrap().id;
    let mut expected = Vec::new();
    for at in 0..5 {
        // Links and names; of another event, one.
        let invitee_id = if at == 2 { guest.id().await } else { String::new() };
        let event_id = if at == 3 { other.clone() } else { event_id.clone() };
        let request = CreateInvitationRequest { event_id, invitee_id, request_id: request_id(), ..Default::default() };
        let made = host.events().create_invitation(request).await.unwrap().into_inner().invitation.unwrap();
        if at != 3 {
            expected.insert(0, made);
        }
    }
    for size in [1, 2, 3, 4, 100] {
        let request = ListInvitationsRequest { event_id: event_id.clone(), page_size: size, ..Default::default() };
        let found = pages(request, async |request| {
            let page = host.events().list_invitations(request).await.unwrap().into_inner();
            (page.invitations, page.next_page_token)
        });
        assert_eq!(found.await, expected, "{size} a page");
    }
}
