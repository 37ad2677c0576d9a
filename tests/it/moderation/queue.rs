//! The queue of reports (M7).

use crewup_proto::moderation::{
    CreateReportRequest, ListReportsRequest, ReportFilter, ReportState, ReportedObject, ResolveReportRequest,
    Violation, reported_object::Object, resolve_report_request::Resolution,
};
use crewup_tests::{
    Mesh,
    persona::{pages, party, report_of},
    refusal::{reason, refused},
};

use super::{moderator, moderators, number};
use crate::user::absent;

#[tokio::test]
async fn m7_claiming_takes_all_of_one_object_and_nothing_else() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(4).await;
    let object = Object::UserId(people[0].id().await);
    let first = people[1].report(object.clone()).await.unwrap().id;
    let second = people[2].report(object.clone()).await.unwrap().id;
    let other = people[2].report(Object::UserId(people[3].id().await)).await.unwrap().id;

    let claimed = moderators[0].claim(&first).await.unwrap();
    assert_eq!((claimed.state(), claimed.open_count), (ReportState::Claimed, 2));
    assert_eq!(claimed.claimed_by.as_ref().map(|by| by.user_id.clone()), Some(moderators[0].id().await));
    assert_eq!(moderators[0].claim(&first).await.unwrap(), claimed, "what one holds is OK, unchanged");
    for taken in [&first, &second] {
        assert_eq!(reason(moderators[1].claim(taken).await), "REPORT_CLAIMED");
        assert_eq!(reason(moderators[1].resolve(taken, Resolution::Acted).await), "REPORT_CLAIMED");
    }
    let held = moderators[0].reports(ReportFilter { claimed_by_me: true, ..Default::default() }).await.unwrap();
    assert_eq!(held.iter().map(|report| &report.id).collect::<Vec<_>>(), [&first, &second]);
    assert_eq!(moderators[1].claim(&other).await.unwrap().open_count, 1);
    assert_eq!(number(&mesh, "select count(*) from moderation_log").await, 3, "one entry for each report");

    // What comes now of the same object is in the same hand.
    let late = people[3].report(object).await.unwrap().id;
    assert_eq!(reason(moderators[1].claim(&late).await), "REPORT_CLAIMED");
    assert_eq!(moderators[0].resolve(&late, Resolution::Acted).await.unwrap().closed_count, 3);
}

#[tokio::test]
async fn m7_resolving_closes_all_of_one_object_once() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(4).await;
    let object = Object::UserId(people[0].id().await);
    let mut made = Vec::new();
    for person in &people[1..] {
        made.push(person.report(object.clone()).await.unwrap().id);
    }
    let closed = moderators[0].resolve(&made[1], Resolution::Acted).await.unwrap();
    assert_eq!(closed.closed_count, 3);
    let report = closed.report.unwrap();
    assert_eq!((report.state(), report.open_count, report.claimed_by.clone()), (ReportState::Resolved, 0, None));
    assert_eq!(report.closed_by.as_ref().map(|by| by.user_id.clone()), Some(moderators[0].id().await));
    assert_eq!(report.internal_note, "Seen before");

    let again = moderators[0].resolve(&made[1], Resolution::Acted).await.unwrap();
    assert_eq!((again.closed_count, again.report.as_ref()), (0, Some(&report)));
    assert_eq!(moderators[0].resolve(&made[0], Resolution::Acted).await.unwrap().closed_count, 0);
    assert_eq!(reason(moderators[0].resolve(&made[0], Resolution::Dismissed).await), "REPORT_CLOSED");
    assert_eq!(reason(moderators[1].resolve(&made[0], Resolution::Acted).await), "REPORT_CLOSED");
    assert_eq!(reason(moderators[0].claim(&made[2]).await), "REPORT_CLOSED");
    assert_eq!(number(&mesh, "select count(*) from moderation_log").await, 3);
    // A closed one says nothing of a new one.
    let anew = people[1].report(object).await.unwrap().id;
    assert_eq!(reason(moderators[0].claim(&made[0]).await), "REPORT_CLOSED");
    assert_eq!(moderators[1].resolve(&anew, Resolution::Dismissed).await.unwrap().closed_count, 1);
    let dismissed = ReportFilter { states: vec![ReportState::Dismissed.into()], ..Default::default() };
    assert_eq!(moderators[0].reports(dismissed).await.unwrap().len(), 1);
}

#[tokio::test]
async fn m1_a_moderator_does_not_decide_on_reports_of_ones_own_things() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let event = moderators[0].create(party(None)).await.unwrap().id;
    let report = mesh.person("guest").report(Object::EventId(event)).await.unwrap().id;
    assert_eq!(reason(moderators[0].claim(&report).await), "SELF_NOT_ALLOWED");
    assert_eq!(reason(moderators[0].resolve(&report, Resolution::Dismissed).await), "SELF_NOT_ALLOWED");
    moderators[1].claim(&report).await.unwrap();
    assert_eq!(reason(moderators[1].claim(&absent()).await), "NOT_FOUND");
    assert_eq!(reason(moderators[1].resolve(&absent(), Resolution::Acted).await), "NOT_FOUND");
    let empty = moderators[1].moderation().resolve_report(ResolveReportRequest::default()).await;
    assert_eq!(refused(empty).fields, ["report_id", "resolution"]);
}

#[tokio::test]
async fn e21_reports_are_listed_oldest_first_by_state_object_owner_and_violation() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let people = mesh.crowd(4).await;
    let event = people[0].create(party(None)).await.unwrap().id;
    let user = Object::UserId(people[0].id().await);
    let mut made = Vec::new();
    for (reporter, object, violation) in [
        (1, user.clone(), Violation::Spam),
        (1, Object::EventId(event.clone()), Violation::Fraud),
        (2, user.clone(), Violation::Hate),
        (2, Object::UserId(people[3].id().await), Violation::Spam),
    ] {
        let request = CreateReportRequest { violation: violation.into(), ..report_of(object) };
        made.push(people[reporter].moderation().create_report(request).await.unwrap().into_inner().report.unwrap().id);
    }
    moderator.claim(&made[3]).await.unwrap();
    moderator.resolve(&made[1], Resolution::Acted).await.unwrap();
    let list = async |filter: ReportFilter| {
        let request = ListReportsRequest { filter: Some(filter.clone()), page_size: 1, ..Default::default() };
        let page = async |request| {
            let page = moderator.moderation().list_reports(request).await.unwrap().into_inner();
            (page.reports, page.next_page_token)
        };
        let found = pages(request, page).await.into_iter();
        found.map(|report| made.iter().position(|id| *id == report.id).unwrap()).collect::<Vec<_>>()
    };
    let all = || ReportFilter { states: vec![1, 2, 3, 4], ..Default::default() };
    assert_eq!(list(ReportFilter::default()).await, [0, 2, 3]);
    assert_eq!(list(all()).await, [0, 1, 2, 3]);
    assert_eq!(list(ReportFilter { states: vec![ReportState::Claimed.into()], ..all() }).await, [3]);
    assert_eq!(list(ReportFilter { object: Some(ReportedObject { object: Some(user) }), ..all() }).await, [0, 2]);
    assert_eq!(list(ReportFilter { owner_id: people[0].id().await, ..all() }).await, [0, 1, 2]);
    assert_eq!(list(ReportFilter { violations: vec![Violation::Spam.into()], ..all() }).await, [0, 3]);
    assert_eq!(list(ReportFilter { claimed_by_me: true, ..Default::default() }).await, [3]);
}
