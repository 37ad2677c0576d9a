//! What is left of an erased person's words (U8).

use std::time::Duration;

use crewup_proto::moderation::{
    ReportFilter, decide_appeal_request::Decision, reported_object::Object, resolve_report_request::Resolution,
};
use crewup_tests::{Mesh, refusal::reason};

use super::{HOLD, moderator, moderators, number, tell, waiting};
use crate::user::{erase, ids};

#[tokio::test]
async fn u8_what_an_erased_person_wrote_goes_and_bans_and_the_log_stay() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let theirs = people[0].report(Object::UserId(ids[1].clone())).await.unwrap().id;
    let of_them = people[1].report(Object::UserId(ids[0].clone())).await.unwrap().id;
    moderators[0].resolve(&of_them, Resolution::Acted).await.unwrap();
    let open = people[2].report(Object::UserId(ids[0].clone())).await.unwrap().id;
    let ban = moderators[0].ban(&ids[0]).await.unwrap();
    let appeal = people[0].appeal("It was my brother").await.unwrap().id;
    let log = moderators[0].log(Default::default()).await.unwrap();

    erase(&people[0], &ids[0]).await;
    tell(&mesh, &ids[0]).await;
    tell(&mesh, &ids[0]).await;
    mesh.settled().await;
    let all = || ReportFilter { states: vec![1, 2, 3, 4], ..Default::default() };
    let report = async |id: &str| {
        let reports = moderators[0].reports(all()).await.unwrap();
        reports.into_iter().find(|report| report.id == id).unwrap()
    };
    let (first, second, third) = (report(&theirs).await, report(&of_them).await, report(&open).await);
    assert_eq!((first.text.as_str(), first.snapshot.as_str()), ("", "Person 1"));
    assert_eq!((second.text.as_str(), second.snapshot.as_str()), ("Sells things", ""));
    assert_eq!(third.snapshot, "Person 0", "kept until it is closed");
    assert_eq!(second.owner.as_ref().map(|owner| owner.first_name.as_str()), Some(""));
    moderators[0].resolve(&open, Resolution::Dismissed).await.unwrap();
    assert_eq!(report(&open).await.snapshot, "");

    let after = moderators[0].see_ban(&ban.id).await.unwrap();
    assert_eq!((&after.reason, after.state()), (&ban.reason, ban.state()));
    assert_eq!(after.appeal.unwrap().text, "");
    assert_eq!(moderators[0].log(Default::default()).await.unwrap()[1..], log);
    // Nobody is left to ban; the ban can still be lifted, and the appeal decided.
    assert_eq!(reason(moderators[1].ban(&ids[0]).await), "NOT_FOUND");
    moderators[1].decide(&appeal, Decision::Grant).await.unwrap();
    assert_eq!(number(&mesh, "select count(*) from bans where ended_at is null").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u8_a_report_that_is_being_closed_while_its_owner_is_erased_keeps_nothing_of_theirs() {
    let mesh = Mesh::start().await;
    let holder = moderator(&mesh, "mod").await;
    let people = mesh.crowd(2).await;
    let ids = ids(&people).await;
    let report = people[0].report(Object::UserId(ids[1].clone())).await.unwrap().id;
    let mut db = mesh.db.connect().await;
    for statement in HOLD {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    let closing = tokio::spawn(async move { holder.resolve(&report, Resolution::Acted).await.map(drop) });
    while waiting(&mesh).await < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // It has read that its owner is there. The reaction waits for it, or is done without it.
    erase(&people[1], &ids[1]).await;
    tell(&mesh, &ids[1]).await;
    while waiting(&mesh).await < 2 && number(&mesh, "select count(*) from outbox_claims").await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::query("select pg_advisory_unlock(4242)").execute(&mut db).await.unwrap();
    closing.await.unwrap().unwrap();
    mesh.settled().await;
    assert_eq!(number(&mesh, "select count(*) from reports where closed_at is not null and snapshot = ''").await, 1);
}
