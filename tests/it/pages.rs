//! Tokens of pages (E21, X14): each is for one list, one filter and one caller.

use crewup_proto::{
    event::{list_events_request::Order, *},
    page::Paged,
    user::*,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{in_hours, party, private_party},
    raw,
    refusal::refused,
};
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::{Code, Status};

use crate::user::{ids, met};

/// Makes the request for a page of this size, after this token.
type Ask = Box<dyn Fn(i32, &str) -> Vec<u8>>;

/// A list as it is asked for.
struct List {
    path: &'static str,
    ask: Ask,
}

impl List {
    fn of(path: &'static str, request: impl Paged + 'static) -> Self {
        let ask = move |size: i32, token: &str| {
            let mut request = request.clone();
            let (page_size, page_token) = request.page();
            (*page_size, *page_token) = (size, token.to_owned());
            request.encode_to_vec()
        };
        Self { path, ask: Box::new(ask) }
    }

    /// The token of the next page.
    async fn page(&self, mesh: &Mesh, caller: &Persona, size: i32, token: &str) -> Result<String, Status> {
        let service = self.path.split('.').nth(1).unwrap();
        let bearer = format!("Bearer {}", caller.token());
        let headers = [("authorization", bearer.as_bytes())];
        let body = (self.ask)(size, token);
        let answer = raw::call(mesh.addr(service).unwrap(), self.path, &headers, body).await?.into_inner();
        let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
        let (service, method) = self.path[1..].split_once('/').unwrap();
        let service = pool.get_service_by_name(service).unwrap();
        let output = service.methods().find(|found| found.name() == method).unwrap().output();
        let answer = DynamicMessage::decode(output, answer.as_slice()).unwrap();
        Ok(answer.get_field_by_name("next_page_token").unwrap().as_str().unwrap().to_owned())
    }
}

/// One list, and the same list with other filters.
struct Case {
    list: List,
    other: Vec<List>,
}

fn case<R: Paged + 'static>(path: &'static str, request: R, other: impl IntoIterator<Item = R>) -> Case {
    let other = other.into_iter().map(|request| List::of(path, request)).collect();
    Case { list: List::of(path, request), other }
}

/// Every list of the two services, with more than one row for the first of `people`, at whose event all were.
async fn lists(people: &[Persona], event: &str) -> Vec<Case> {
    let (caller, ids) = (&people[0], ids(people).await);
    for rater in &people[1..3] {
        rater.rate(&ids[0], event, 5).await.unwrap();
    }
    for blocked in &ids[5..7] {
        caller.block(blocked).await.unwrap();
    }
    let later = Some(in_hours(20 * 24));
    let private = Event { start_time: later, end_time: None, ..private_party(None) };
    let private = caller.create(private).await.unwrap().id;
    for _ in 0..2 {
        caller.create(Event { start_time: later, end_time: None, ..party(None) }).await.unwrap();
        caller.link(&private, None).await.unwrap();
    }
    let event_id = event.to_owned();
    let text = |query: &str| SearchEventsRequest { query: query.into(), ..Default::default() };
    let attendees = ListAttendeesRequest { event_id: event_id.clone(), ..Default::default() };
    let invitations = |event: &str| ListInvitationsRequest { event_id: event.into(), ..Default::default() };
    let search = |query: &str| SearchUsersRequest { query: query.into(), ..Default::default() };
    let ratings = |user: &str| ListRatingsRequest { user_id: user.into(), ..Default::default() };
    let ratable = ListRatableUsersRequest::default();
    vec![
        case(
            "/crewup.event.v1.EventService/ListEvents",
            ListEventsRequest::default(),
            [
                ListEventsRequest { order: Order::StartDescending.into(), ..Default::default() },
                ListEventsRequest { include_total: true, ..Default::default() },
                ListEventsRequest {
                    filter: Some(EventFilter { include_cancelled: true, ..Default::default() }),
                    ..Default::default()
                },
            ],
        ),
        case(
            "/crewup.event.v1.EventService/SearchEvents",
            text("long night"),
            [
                text("long"),
                SearchEventsRequest { order: search_events_request::Order::Start.into(), ..text("long night") },
                SearchEventsRequest { only_with_free_seats: true, ..text("long night") },
            ],
        ),
        case(
            "/crewup.event.v1.EventService/ListAttendees",
            attendees.clone(),
            [
                ListAttendeesRequest { event_id: private.clone(), ..attendees.clone() },
                ListAttendeesRequest { status: AttendanceStatus::Interested.into(), ..attendees },
            ],
        ),
        case("/crewup.event.v1.EventService/ListInvitations", invitations(&private), [invitations(event)]),
        case("/crewup.user.v1.UserService/SearchUsers", search("person"), [search("perso")]),
        case("/crewup.user.v1.UserService/ListBlockedUsers", ListBlockedUsersRequest::default(), []),
        case("/crewup.user.v1.UserService/ListRatings", ratings(&ids[0]), [ratings(&ids[1])]),
        case(
            "/crewup.user.v1.UserService/ListRatableUsers",
            ratable.clone(),
            [ListRatableUsersRequest { event_id, ..ratable }],
        ),
    ]
}

#[tokio::test]
async fn e21_x14_a_token_is_of_no_use_with_another_filter_for_another_caller_or_in_another_list() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 7).await;
    let cases = lists(&people, &event).await;
    let tried = crewup_proto::call::CALLS.iter().filter(|call| {
        let of_two = call.path.contains(".EventService/") || call.path.contains(".UserService/");
        of_two && (call.path.contains("/List") || call.path.contains("/Search"))
    });
    assert_eq!(tried.count(), cases.len(), "every list is here");
    let is_refused = |what: String, answer: Result<String, Status>| {
        let refusal = refused(answer);
        assert_eq!((refusal.code, refusal.reason.as_str()), (Code::InvalidArgument, "INVALID_PAGE_TOKEN"), "{what}");
        assert_eq!(refusal.fields, ["page_token"], "{what}");
    };
    for (at, Case { list, other }) in cases.iter().enumerate() {
        let token = list.page(&mesh, &people[0], 1, "").await.unwrap();
        assert_ne!(token, "", "{} has a second page", list.path);
        list.page(&mesh, &people[0], 3, &token).await.expect("the size of a page may change");
        for (filter, other) in other.iter().enumerate() {
            let answer = other.page(&mesh, &people[0], 1, &token).await;
            is_refused(format!("{} with the other filter {filter}", list.path), answer);
        }
        // To one who may read it as well, where anyone may.
        let answer = list.page(&mesh, &people[1], 1, &token).await;
        is_refused(format!("{} by another", list.path), answer);
        for (_, Case { list: elsewhere, .. }) in cases.iter().enumerate().filter(|(other, _)| *other != at) {
            let answer = elsewhere.page(&mesh, &people[0], 1, &token).await;
            is_refused(format!("{} with a token of {}", elsewhere.path, list.path), answer);
        }
    }
}
