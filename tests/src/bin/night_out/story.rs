//! The story.

use chrono::{DateTime, Duration, Utc};
use crewup_proto::{
    event::{self, Attendance, AttendanceStatus, Event, EventType},
    group::{self, MembershipStatus, list_messages_request::Position, timeline_entry::Content},
    moderation::{
        self, ReportedObject, Violation, decide_appeal_request::Decision, reported_object::Object,
        resolve_report_request::Resolution,
    },
    safety::{self, AcknowledgementType, AlertState},
    user,
};
use crewup_shared::convert::timestamp;
use crewup_tests::{Refusal, persona::request_id};
use futures_util::future::join_all;
use tonic::Status;

use crate::{
    clock::Clock,
    person::{Casting, Person},
};

/// Tells it; answers its parts.
pub(crate) async fn tell(cast: Casting, database_url: String) -> Vec<&'static str> {
    let mut clock = Clock::of(&database_url).await;
    let host = cast.person("host").await;
    let guests = join_all((0..10).map(|at| cast.person(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][at]))).await;

    let event = invite(&host, clock.now().await).await;
    let (seated, waiting) = ten_answer_at_once(&guests, &event).await;
    let (first, second) = the_waitlist_moves(&guests, seated, &waiting, &event).await;
    let (open, private) = two_crews_form(&host, &first, &second, &event).await;
    let unkind = they_chat(&host, &first, &second, &open).await;
    an_alert_is_raised_and_resolved(&host, &first, &second, &clock.now().await, [&open, &private]).await;
    clock.advance(Duration::hours(5)).await;
    they_rate_each_other(&host, &first, &event).await;
    let (moderator, other) = (cast.sign_in("mod").await, cast.sign_in("admin").await);
    a_message_is_reported(&host, &moderator, &second, &unkind).await;
    a_moderator_bans(&moderator, &second, &event, &open).await;
    another_moderator_decides(&other, &second).await;
    vec![
        "the host invites six",
        "ten people answer at once, five have a seat and five wait in turn",
        "the waitlist moves, and nobody overtakes",
        "two crews form, one of them private",
        "they chat in one order, and each knows what is unread",
        "a member alerts both crews, another is on the way, it is resolved",
        "the event ends, and they rate each other",
        "a message is reported with what it said, and a moderator takes it in hand",
        "a moderator bans, and the banned person is refused everywhere but what a ban leaves",
        "another moderator decides, and the person is back",
    ]
}

async fn invite(host: &Person, now: DateTime<Utc>) -> Event {
    let draft = Event {
        name: "Six at the river".into(),
        r#type: EventType::Outdoor.into(),
        address: "Oberer Letten, Zürich".into(),
        start_time: Some(timestamp(now + Duration::minutes(45))),
        end_time: Some(timestamp(now + Duration::hours(4))),
        max_attendees: Some(6),
        ..Default::default()
    };
    let request = event::CreateEventRequest { event: Some(draft), request_id: request_id() };
    let made = host.events().create_event(request).await.unwrap().into_inner().event.unwrap();
    assert_eq!((made.going_count, made.free_seats), (1, Some(5)), "the host has the first seat");
    made
}

async fn answer(person: &Person, event: &Event, status: AttendanceStatus) -> Attendance {
    let request = event::SetAttendanceRequest { event_id: event.id.clone(), status: status.into() };
    person.events().set_attendance(request).await.unwrap().into_inner().attendance.unwrap()
}

async fn read(person: &Person, event: &Event) -> Event {
    let request = event::GetEventRequest { event_id: event.id.clone() };
    person.events().get_event(request).await.unwrap().into_inner().event.unwrap()
}

/// Who has a seat, and who waits, in the order of the list.
async fn ten_answer_at_once(guests: &[Person], event: &Event) -> (Vec<usize>, Vec<usize>) {
    join_all(guests.iter().map(|guest| answer(guest, event, AttendanceStatus::Going))).await;
    let (mut seated, mut waiting) = (Vec::new(), Vec::new());
    for (at, guest) in guests.iter().enumerate() {
        let mine = read(guest, event).await.my_attendance.unwrap();
        match mine.waitlist_position {
            None => seated.push(at),
            Some(position) => waiting.push((position, at)),
        }
    }
    waiting.sort();
    assert_eq!(seated.len(), 5);
    assert_eq!(waiting.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    (seated, waiting.into_iter().map(|(_, at)| at).collect())
}

/// Two seats become free; answers the two who have them now.
async fn the_waitlist_moves(
    guests: &[Person],
    seated: Vec<usize>,
    waiting: &[usize],
    event: &Event,
) -> (Person, Person) {
    for at in &seated[..2] {
        answer(&guests[*at], event, AttendanceStatus::NotGoing).await;
    }
    for (place, at) in waiting.iter().enumerate() {
        let mine = read(&guests[*at], event).await.my_attendance.unwrap();
        let expected = if place < 2 { None } else { Some(place as i32 - 1) };
        assert_eq!(mine.waitlist_position, expected, "place {place}");
        assert_eq!(mine.status() == AttendanceStatus::Going, place < 2);
    }
    let now = read(&guests[waiting[4]], event).await;
    assert_eq!((now.going_count, now.waiting_count, now.free_seats), (6, 3, Some(0)));
    (guests[waiting[0]].clone(), guests[waiting[1]].clone())
}

async fn form(person: &Person, event: &Event, name: &str, is_private: bool) -> String {
    let group = group::Group {
        event_id: event.id.clone(),
        name: name.into(),
        is_private: Some(is_private),
        ..Default::default()
    };
    let request = group::CreateGroupRequest { group: Some(group), request_id: request_id() };
    person.groups().create_group(request).await.unwrap().into_inner().group.unwrap().id
}

async fn two_crews_form(host: &Person, first: &Person, second: &Person, event: &Event) -> (String, String) {
    let open = form(first, event, "Swimmers", false).await;
    for person in [host, second] {
        let request = group::JoinGroupRequest { group_id: open.clone(), ..Default::default() };
        person.groups().join_group(request).await.unwrap();
    }
    let private = form(host, event, "Early birds", true).await;
    let join = group::JoinGroupRequest { group_id: private.clone(), ..Default::default() };
    assert_eq!(reason(first.groups().join_group(join.clone()).await), "GROUP_PRIVATE");
    let ask = group::JoinGroupRequest { allow_request: true, note: "May I?".into(), ..join };
    let asked = first.groups().join_group(ask).await.unwrap().into_inner().group.unwrap().my_membership.unwrap();
    assert_eq!(asked.status(), MembershipStatus::Pending);
    let approve = group::ApproveJoinRequestRequest { join_request_id: asked.join_request_id };
    host.groups().approve_join_request(approve).await.unwrap();
    (open, private)
}

async fn say(person: &Person, crew: &str, content: &str) -> group::Message {
    let request =
        group::SendMessageRequest { group_id: crew.into(), content: content.into(), request_id: request_id() };
    person.groups().send_message(request).await.unwrap().into_inner().message.unwrap()
}

/// Answers the id of a message that somebody will not like.
async fn they_chat(host: &Person, first: &Person, second: &Person, crew: &str) -> String {
    join_all((0..6).map(|at| say([host, first, second][at % 3], crew, "On my way!"))).await;
    let unkind = say(second, crew, "You are all too slow.").await;
    let request = group::ListMessagesRequest {
        group_id: crew.into(),
        position: Some(Position::AfterSequence(0)),
        page_size: 100,
    };
    let read = host.groups().list_messages(request).await.unwrap().into_inner();
    let numbers: Vec<_> = read.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(numbers, (1..=read.last_sequence).collect::<Vec<_>>());
    let messages = read.entries.iter().filter(|entry| matches!(entry.content, Some(Content::Message(_)))).count();
    assert_eq!(messages, 7);
    let mine = |person: &Person| {
        let (mut groups, group_id) = (person.groups(), crew.to_owned());
        async move { groups.get_group(group::GetGroupRequest { group_id }).await.unwrap().into_inner().group.unwrap() }
    };
    assert_eq!(mine(host).await.unread_count, Some(5), "one's own are read");
    let mark = group::MarkReadRequest { group_id: crew.into(), sequence: read.last_sequence };
    assert_eq!(host.groups().mark_read(mark).await.unwrap().into_inner().unread_count, 0);
    unkind.id
}

async fn an_alert_is_raised_and_resolved(
    host: &Person,
    first: &Person,
    second: &Person,
    now: &DateTime<Utc>,
    crews: [&str; 2],
) {
    let location = Some(crewup_proto::google::r#type::LatLng { latitude: 47.384, longitude: 8.537 });
    let call = safety::TriggerAlertRequest {
        message: "I cannot find the others".into(),
        place: Some(safety::Place { location, record_time: Some(timestamp(*now)), ..Default::default() }),
        request_id: request_id(),
        ..Default::default()
    };
    let alert = first.safety().trigger_alert(call).await.unwrap().into_inner().alert.unwrap();
    let mut reached: Vec<_> = alert.crews.iter().map(|crew| crew.group_id.as_str()).collect();
    reached.sort_unstable();
    let mut both = crews;
    both.sort_unstable();
    assert_eq!(reached, both);
    assert_eq!(alert.recipients.len(), 2, "the host is in both crews, and is reached once");
    let seen = second.safety().get_alert(safety::GetAlertRequest { alert_id: alert.id.clone() }).await.unwrap();
    assert!(seen.into_inner().alert.unwrap().place.is_some());
    let coming =
        safety::AcknowledgeAlertRequest { alert_id: alert.id.clone(), r#type: AcknowledgementType::OnMyWay.into() };
    host.safety().acknowledge_alert(coming).await.unwrap();
    let resolve = safety::ResolveAlertRequest { alert_id: alert.id, reason: String::new() };
    let done = first.safety().resolve_alert(resolve).await.unwrap().into_inner().alert.unwrap();
    assert_eq!((done.state(), done.next_escalation_time), (AlertState::Resolved, None));
    assert!(done.recipients.iter().any(|one| one.acknowledgement.is_some()));
}

async fn they_rate_each_other(host: &Person, first: &Person, event: &Event) {
    for (rater, rated, rating) in [(host, first, 5), (first, host, 4)] {
        let request = user::CreateRatingRequest {
            rated_user_id: rated.id.clone(),
            event_id: event.id.clone(),
            rating,
            comment: "A good evening".into(),
            request_id: request_id(),
        };
        rater.users().create_rating(request.clone()).await.unwrap();
        let again = user::CreateRatingRequest { request_id: request_id(), ..request };
        assert_eq!(reason(rater.users().create_rating(again).await), "RATING_EXISTS");
    }
    let request = user::GetReputationRequest { user_id: host.id.clone() };
    let reputation = first.users().get_reputation(request).await.unwrap().into_inner().reputation.unwrap();
    assert_eq!((reputation.average, reputation.count), (Some(4.0), 1));
}

async fn a_message_is_reported(reporter: &Person, moderator: &Person, author: &Person, message: &str) {
    let object = Some(ReportedObject { object: Some(Object::MessageId(message.into())) });
    let request = moderation::CreateReportRequest {
        object: object.clone(),
        violation: Violation::Harassment.into(),
        text: "Not nice".into(),
        request_id: request_id(),
    };
    let report = reporter.moderation().create_report(request).await.unwrap().into_inner().report.unwrap();
    // What was said is kept, whatever its author does now.
    let delete = group::DeleteMessageRequest { message_id: message.into() };
    author.groups().delete_message(delete).await.unwrap();
    let claim = moderation::ClaimReportRequest { report_id: report.id.clone() };
    let held = moderator.moderation().claim_report(claim).await.unwrap().into_inner().report.unwrap();
    assert!(held.snapshot.contains("too slow"), "{}", held.snapshot);
    assert_eq!(held.owner.unwrap().user_id, author.id);
    let resolve = moderation::ResolveReportRequest {
        report_id: report.id,
        resolution: Resolution::Acted.into(),
        internal_note: String::new(),
    };
    assert_eq!(moderator.moderation().resolve_report(resolve).await.unwrap().into_inner().closed_count, 1);
}

async fn a_moderator_bans(moderator: &Person, person: &Person, event: &Event, crew: &str) {
    let request = moderation::BanUserRequest {
        user_id: person.id.clone(),
        violation: Violation::Harassment.into(),
        reason: "Unkind to a crew, repeatedly".into(),
        request_id: request_id(),
        ..Default::default()
    };
    moderator.moderation().ban_user(request).await.unwrap();
    // From the answer on, at every service.
    let event_id = event.id.clone();
    assert_eq!(reason(person.events().get_event(event::GetEventRequest { event_id }).await), "USER_BANNED");
    let group_id = crew.to_owned();
    assert_eq!(reason(person.groups().get_group(group::GetGroupRequest { group_id }).await), "USER_BANNED");
    assert_eq!(reason(person.users().get_me(user::GetMeRequest {}).await), "USER_BANNED");
    assert_eq!(reason(person.safety().list_alerts(safety::ListAlertsRequest::default()).await), "USER_BANNED");
    let report = moderation::CreateReportRequest::default();
    assert_eq!(reason(person.moderation().create_report(report).await), "USER_BANNED");
    // What a ban leaves.
    let ban = person.moderation().get_my_ban(moderation::GetMyBanRequest {}).await.unwrap().into_inner().ban.unwrap();
    assert_eq!(ban.reason, "Unkind to a crew, repeatedly");
    let mut export = person.users().export_me(user::ExportMeRequest {}).await.unwrap().into_inner();
    let mut tables = Vec::new();
    while let Some(row) = export.message().await.unwrap() {
        tables.push(row.table);
    }
    for table in ["users", "event_attendees", "messages", "bans"] {
        assert!(tables.iter().any(|found| found == table), "{table} in {tables:?}");
    }
}

async fn another_moderator_decides(moderator: &Person, person: &Person) {
    let appeal = moderation::AppealBanRequest { text: "I was joking".into(), request_id: request_id() };
    let made = person.moderation().appeal_ban(appeal).await.unwrap().into_inner().appeal.unwrap();
    let decide = moderation::DecideAppealRequest {
        appeal_id: made.id,
        decision: Decision::Grant.into(),
        answer: "Once more".into(),
    };
    moderator.moderation().decide_appeal(decide).await.unwrap();
    // A standing is read again within a second (X6).
    let back = async {
        while person.users().get_me(user::GetMeRequest {}).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), back).await.expect("the person is back");
}

fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    Refusal::of(&answer.expect_err("it is refused")).reason
}
