use crewup_proto::{
    event::Event,
    moderation::{CreateReportRequest, ReportedObject, Violation, reported_object::Object},
    user::Profile,
};
use crewup_tests::{
    Mesh,
    persona::{party, private_party, report_of, request_id},
    refusal::{reason, refused},
};

use super::{moderator, number};
use crate::user::{absent, ids, met};

#[tokio::test]
async fn m6_a_report_keeps_what_the_reporter_saw_and_whose_it_was() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    let rating = people[0].rate(&ids[1], &event, 1).await.unwrap().id;
    for (object, owner, content) in [
        (Object::UserId(ids[0].clone()), 0, "Person 0"),
        (Object::EventId(event.clone()), 0, "Long Night"),
        (Object::RatingId(rating), 0, "1 of 5"),
    ] {
        let made = people[2].report(object.clone()).await.unwrap();
        let wanted = ReportedObject { object: Some(object) };
        assert_eq!((made.object.as_ref(), made.violation()), (Some(&wanted), Violation::Spam));
        let seen = moderator.queue().await.unwrap().into_iter().find(|report| report.id == made.id).unwrap();
        assert_eq!(seen.object, Some(wanted));
        assert_eq!(seen.owner.as_ref().map(|owner| owner.user_id.clone()), Some(ids[owner].clone()));
        assert!(seen.snapshot.starts_with(content), "{}", seen.snapshot);
        assert_eq!((seen.text.as_str(), seen.open_count, seen.violation()), ("Sells things", 1, Violation::Spam));
        assert_eq!(seen.create_time, made.create_time);
    }
    // What is changed afterwards does not change what was seen.
    people[0].edit(Profile { bio: "Nothing to see".into(), ..Default::default() }, &["bio"]).await.unwrap();
    assert!(moderator.queue().await.unwrap().iter().all(|report| !report.snapshot.contains("Nothing")));
}

#[tokio::test]
async fn m6_one_reports_what_one_sees_and_not_ones_own() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let hidden = people[0].create(private_party(None)).await.unwrap().id;
    let own = people[1].create(party(None)).await.unwrap().id;
    people[0].block(&ids[1]).await.unwrap();
    for (object, expected) in [
        (Object::EventId(hidden), "NOT_FOUND"),
        (Object::EventId(absent()), "NOT_FOUND"),
        (Object::UserId(ids[0].clone()), "NOT_FOUND"),
        (Object::RatingId(absent()), "NOT_FOUND"),
        (Object::UserId(ids[1].clone()), "SELF_NOT_ALLOWED"),
        (Object::EventId(own.clone()), "SELF_NOT_ALLOWED"),
    ] {
        assert_eq!(reason(people[1].report(object.clone()).await), expected, "{object:?}");
    }
    people[2].report(Object::EventId(own)).await.unwrap();
    assert_eq!(number(&mesh, "select count(*) from reports").await, 1);
    assert_eq!(number(&mesh, "select count(*) from idempotency where method like '%CreateReport'").await, 1);
}

#[tokio::test]
async fn m6_what_a_report_needs_is_named_before_anyone_is_asked() {
    let mut mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    guest.id().await;
    mesh.stop_one("event").await;
    let report = async |request: CreateReportRequest| refused(guest.moderation().create_report(request).await);
    let nothing = report(CreateReportRequest::default()).await;
    assert_eq!((nothing.reason.as_str(), nothing.fields.len()), ("INVALID_FIELDS", 3));
    assert_eq!(nothing.fields, ["object", "request_id", "violation"]);
    let unsaid =
        CreateReportRequest { object: Some(ReportedObject { object: None }), ..report_of(Object::UserId(absent())) };
    assert_eq!(report(unsaid).await.fields, ["object"]);
    assert_eq!(report(report_of(Object::EventId("x".into()))).await.fields, ["object.event_id"]);
    // The owner is away.
    assert_eq!(reason(guest.report(Object::EventId(absent())).await), "DEPENDENCY_UNAVAILABLE");
}

#[tokio::test]
async fn m6_one_open_report_per_reporter_and_object() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let people = mesh.crowd(3).await;
    let object = Object::UserId(people[0].id().await);
    let first = people[1].report(object.clone()).await.unwrap();
    assert_eq!(reason(people[1].report(object.clone()).await), "REPORT_EXISTS");
    people[2].report(object.clone()).await.unwrap();
    let event = people[0].create(party(None)).await.unwrap().id;
    people[1].report(Object::EventId(event)).await.unwrap();
    let closed =
        moderator.resolve(&first.id, crewup_proto::moderation::resolve_report_request::Resolution::Dismissed).await;
    assert_eq!(closed.unwrap().closed_count, 2);
    people[1].report(object).await.unwrap();
}

#[tokio::test]
async fn m6_nobody_learns_who_reported() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let made = people[2].report(Object::UserId(ids[0].clone())).await.unwrap();
    assert!(!format!("{made:?}").contains(&ids[2]));
    let claimed = moderator.claim(&made.id).await.unwrap();
    let resolved =
        moderator.resolve(&made.id, crewup_proto::moderation::resolve_report_request::Resolution::Acted).await.unwrap();
    let log = moderator.log(Default::default()).await.unwrap();
    let ban = moderator.ban(&ids[0]).await.unwrap();
    assert!(log.len() == 2 && log.iter().all(|entry| entry.target_user_id == ids[0]));
    for told in [format!("{claimed:?}"), format!("{resolved:?}"), format!("{log:?}"), format!("{ban:?}")] {
        for secret in [ids[2].as_str(), "Person 2", "person-2"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    assert!(!format!("{:?}", people[0].my_ban().await.unwrap()).contains(&ids[2]));
}

#[tokio::test]
async fn m6_the_longest_things_fit_into_a_snapshot() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let people = mesh.crowd(2).await;
    let longest =
        Event { name: "é".repeat(255), address: "ü".repeat(500), description: "ß".repeat(5000), ..party(None) };
    let event = people[0].create(longest).await.unwrap().id;
    people[1].report(Object::EventId(event)).await.unwrap();
    let snapshot = &moderator.queue().await.unwrap()[0].snapshot;
    assert_eq!(snapshot.chars().filter(|letter| "éüß".contains(*letter)).count(), 5755);
}

#[tokio::test]
async fn x1_a_report_that_is_sent_again_is_made_once_also_when_its_object_is_gone() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let event = people[0].create(party(None)).await.unwrap().id;
    let request = CreateReportRequest { request_id: request_id(), ..report_of(Object::EventId(event.clone())) };
    let report = async |request: CreateReportRequest| people[1].moderation().create_report(request).await;
    let made = report(request.clone()).await.unwrap().into_inner();
    let gone = crewup_proto::event::DeleteEventRequest { event_id: event.clone() };
    people[0].events().delete_event(gone).await.unwrap();
    assert_eq!(report(request.clone()).await.unwrap().into_inner(), made);
    assert_eq!(reason(report(CreateReportRequest { text: "Other".into(), ..request }).await), "REQUEST_ID_REUSED");
    assert_eq!(reason(people[1].report(Object::EventId(event)).await), "NOT_FOUND");
}
