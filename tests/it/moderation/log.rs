//! The log (M10).

use crewup_proto::{
    common::TimeWindow,
    moderation::{
        BanUserRequest, ListLogEntriesRequest, LogAction, LogEntry, LogFilter, Violation,
        decide_appeal_request::Decision, log_target::Target, reported_object::Object,
        resolve_report_request::Resolution,
    },
};
use crewup_tests::{
    Mesh, Persona,
    persona::{ban_of, in_hours, pages},
};

use super::moderators;

/// Does one of everything, by the first moderator; the second decides appeals.
async fn everything(moderators: &[Persona], people: &[Persona]) -> String {
    let target = people[0].id().await;
    let first = BanUserRequest {
        violation: Violation::Hate.into(),
        internal_note: "Secret note".into(),
        expire_time: Some(in_hours(1)),
        ..ban_of(&target)
    };
    let ban = moderators[0].ban_as(first).await.unwrap().id;
    moderators[0].ban(&target).await.unwrap();
    let appeal = people[0].appeal("Secret words").await.unwrap().id;
    moderators[1].decide(&appeal, Decision::Reject).await.unwrap();
    moderators[0].unban(&target).await.unwrap();
    moderators[0].ban(&target).await.unwrap();
    let appeal = people[0].appeal("Secret words").await.unwrap().id;
    moderators[1].decide(&appeal, Decision::Grant).await.unwrap();
    let report = people[1].report(Object::UserId(people[2].id().await)).await.unwrap().id;
    moderators[0].claim(&report).await.unwrap();
    moderators[0].resolve(&report, Resolution::Acted).await.unwrap();
    let report = people[1].report(Object::UserId(people[2].id().await)).await.unwrap().id;
    moderators[0].resolve(&report, Resolution::Dismissed).await.unwrap();
    ban
}

#[tokio::test]
async fn m10_the_log_tells_of_everything_that_was_done_and_of_nothing_that_was_written() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(3).await;
    let ban = everything(&moderators, &people).await;
    let mut log = moderators[1].log(LogFilter::default()).await.unwrap();
    log.reverse();
    let told = |entry: &LogEntry| (entry.action(), entry.state_before.clone(), entry.state_after.clone());
    let expected = [
        (LogAction::BanUser, "", "ACTIVE"),
        (LogAction::ReviseBan, "ACTIVE", "ACTIVE"),
        (LogAction::AppealBan, "", "PENDING"),
        (LogAction::RejectAppeal, "PENDING", "REJECTED"),
        (LogAction::UnbanUser, "ACTIVE", "LIFTED"),
        (LogAction::BanUser, "", "ACTIVE"),
        (LogAction::AppealBan, "", "PENDING"),
        (LogAction::GrantAppeal, "PENDING", "GRANTED"),
        (LogAction::ClaimReport, "OPEN", "CLAIMED"),
        (LogAction::ResolveReport, "CLAIMED", "RESOLVED"),
        (LogAction::DismissReport, "OPEN", "DISMISSED"),
    ];
    let expected = expected.map(|(action, before, after)| (action, before.to_owned(), after.to_owned()));
    assert_eq!(log.iter().map(told).collect::<Vec<_>>(), expected);

    let (banned, revised) = (&log[0], &log[1]);
    assert_eq!(banned.target.as_ref().and_then(|target| target.target.clone()), Some(Target::BanId(ban)));
    assert_eq!((&banned.actor_id, &banned.target_user_id), (&moderators[0].id().await, &people[0].id().await));
    assert_eq!((banned.violation(), revised.violation()), (Violation::Hate, Violation::Spam));
    assert_eq!((banned.expire_time_before, revised.expire_time_after), (None, None));
    assert_eq!(banned.expire_time_after, revised.expire_time_before);
    assert!(banned.expire_time_after.is_some() && log[..3].iter().all(|entry| entry.request_id.len() == 36));
    assert_eq!((&log[2].actor_id, &log[2].target_user_id), (&people[0].id().await, &people[0].id().await));
    assert_eq!(log[3].actor_id, moderators[1].id().await);
    assert_eq!(log[8].target_user_id, people[2].id().await);

    let rows: String = sqlx::query_scalar(
        "select string_agg(t.row, ' ') from (
             select row(l.*)::text as row from moderation_log l union all select row(o.*)::text from outbox o
             union all select row(c.*)::text from outbox_claims c union all select row(i.*)::text from idempotency i) t",
    )
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert!(rows.contains("grant_appeal") && rows.contains("CreateReport"));
    for content in ["Secret", "Advertised", "Sells", "looked again", "Seen before", "@", "Person"] {
        assert!(!rows.contains(content), "{content} in {rows}");
    }
}

#[tokio::test]
async fn m10_refused_calls_and_second_times_leave_no_entry() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(3).await;
    let target = people[0].id().await;
    moderators[0].ban(&moderators[1].id().await).await.unwrap_err();
    moderators[0].unban(&target).await.unwrap_err();
    let request = ban_of(&target);
    for _ in 0..2 {
        moderators[0].ban_as(request.clone()).await.unwrap();
    }
    people[0].appeal("Wrong").await.unwrap();
    people[0].appeal("Wrong").await.unwrap_err();
    for _ in 0..2 {
        moderators[0].unban(&target).await.unwrap();
    }
    let log = moderators[0].log(LogFilter::default()).await.unwrap();
    let actions: Vec<_> = log.iter().map(LogEntry::action).collect();
    assert_eq!(actions, [LogAction::UnbanUser, LogAction::AppealBan, LogAction::BanUser]);
}

#[tokio::test]
async fn m10_the_log_is_listed_latest_first_by_time_actor_target_and_action() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(3).await;
    everything(&moderators, &people).await;
    let list = async |filter: LogFilter| {
        let request = ListLogEntriesRequest { filter: Some(filter.clone()), page_size: 2, ..Default::default() };
        let page = async |request| {
            let page = moderators[0].moderation().list_log_entries(request).await.unwrap().into_inner();
            (page.entries.iter().map(|entry| entry.action).collect::<Vec<_>>(), page.next_page_token)
        };
        pages(request, page).await
    };
    assert_eq!(list(LogFilter::default()).await, [9, 8, 7, 6, 4, 1, 3, 5, 4, 2, 1]);
    let actor_id = moderators[1].id().await;
    assert_eq!(list(LogFilter { actor_id, ..Default::default() }).await, [6, 5]);
    let target_user_id = people[2].id().await;
    assert_eq!(list(LogFilter { target_user_id, ..Default::default() }).await, [9, 8, 7]);
    let actions = vec![LogAction::AppealBan.into(), LogAction::ReviseBan.into()];
    assert_eq!(list(LogFilter { actions, ..Default::default() }).await, [4, 4, 2]);
    let whole = moderators[0].log(LogFilter::default()).await.unwrap();
    let window = TimeWindow { start_time: whole[4].create_time, end_time: whole[2].create_time };
    assert_eq!(list(LogFilter { window: Some(window), ..Default::default() }).await, [6, 4], "half-open");
}
