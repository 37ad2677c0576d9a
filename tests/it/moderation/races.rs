//! Real concurrency on real PostgreSQL. Each of these was seen to fail with its protection taken out.

use std::{sync::Arc, time::Duration};

use crewup_proto::moderation::{
    AppealBanRequest, AppealState, BanState, BanUserRequest, CreateReportRequest, LogAction, LogFilter, Report,
    ReportFilter, ReportState, decide_appeal_request::Decision, reported_object::Object,
    resolve_report_request::Resolution,
};
use crewup_tests::{
    Mesh,
    persona::{at_once, ban_of, in_hours, report_of, request_id},
    refusal::refused,
};
use tonic::Status;

use super::{HOLD, moderator, moderators, number, waiting};

const WRITERS: usize = 32;

/// Those who succeeded; the reasons of the others must be among `expected`.
fn winners<T: std::fmt::Debug>(answers: Vec<Result<T, Status>>, expected: &[&str]) -> Vec<T> {
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let others: Vec<_> =
        bad.into_iter().map(refused).filter(|refusal| !expected.contains(&refusal.reason.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
    good.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m2_32_moderators_who_ban_one_person_leave_one_version_in_force_and_a_whole_history() {
    let mesh = Mesh::racing().await;
    let moderators = Arc::new(moderators(&mesh, WRITERS).await);
    for round in 0..3 {
        let target = mesh.person(&format!("target-{round}")).id().await;
        let made = at_once(&moderators, |at, people| {
            // The end tells the versions apart.
            let request = BanUserRequest { expire_time: Some(in_hours(1 + at as i64)), ..ban_of(&target) };
            async move { people[at].ban_as(request).await.unwrap() }
        })
        .await;
        let ban = moderators[0].see_ban(&made[0].id).await.unwrap();
        assert!(made.iter().all(|made| made.id == ban.id), "one ban");
        assert_eq!((ban.state(), ban.revisions.len()), (BanState::Active, WRITERS));
        let versions: Vec<_> = ban.revisions.iter().map(|version| version.expire_time).collect();
        let mut wanted: Vec<_> = (0..WRITERS).map(|at| made[at].expire_time.unwrap().seconds).collect();
        wanted.sort_unstable();
        let mut found: Vec<_> = versions.iter().map(|end| end.unwrap().seconds).collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "each moderator's version is there once");
        assert_eq!(ban.expire_time, *versions.last().unwrap());

        let filter = LogFilter { target_user_id: target, ..Default::default() };
        let mut log = moderators[0].log(filter).await.unwrap();
        log.reverse();
        assert_eq!(log.len(), WRITERS);
        assert_eq!(log[0].action(), LogAction::BanUser);
        assert!(log[1..].iter().all(|entry| entry.action() == LogAction::ReviseBan));
        let told: Vec<_> = log.iter().map(|entry| entry.expire_time_after).collect();
        assert_eq!(told, versions, "the log has the order of the history");
        for (before, after) in log.iter().zip(&log[1..]) {
            assert_eq!(before.expire_time_after, after.expire_time_before, "each followed the one before it");
        }
    }
    assert_eq!(number(&mesh, "select count(*) from bans where ended_at is null").await, 3);
    let gaps = "select count(*) from bans b where b.ended_at is not null and b.ended_at is distinct from (
        select min(n.created_at) from bans n where n.root_id = b.root_id and n.created_at > b.created_at)";
    assert_eq!(number(&mesh, gaps).await, 0, "a version ends where the next begins");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x1_32_twins_of_a_ban_are_one_version() {
    let mesh = Mesh::racing().await;
    let first = moderator(&mesh, "mod").await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("mod")).collect::<Vec<_>>());
    for round in 0..2 {
        let target = mesh.person(&format!("target-{round}")).id().await;
        let request = ban_of(&target);
        let mut made = at_once(&same, |at, people| {
            let request = request.clone();
            async move { people[at].ban_as(request).await.unwrap() }
        })
        .await;
        made.dedup();
        assert_eq!((made.len(), made[0].revisions.len()), (1, 1));
        let filter = LogFilter { target_user_id: target, ..Default::default() };
        assert_eq!(first.log(filter).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x6_a_ban_waits_for_what_the_person_is_doing_and_the_decision_of_an_appeal_too() {
    let mesh = Mesh::racing().await;
    let moderators = Arc::new(moderators(&mesh, 2).await);
    let target = mesh.person("guest");
    let id = target.id().await;
    let mut appeal = String::new();
    for step in 0..3 {
        let mut doing = mesh.db.connect_as("event").await;
        let mut tx = sqlx::Connection::begin(&mut doing).await.unwrap();
        sqlx::query("select from crewup.enter($1::uuid, null)").bind(&id).execute(&mut *tx).await.unwrap();
        let (people, id, decided) = (Arc::clone(&moderators), id.clone(), appeal.clone());
        let acting = tokio::spawn(async move {
            match step {
                0 => people[0].ban(&id).await.map(drop),
                1 => people[1].decide(&decided, Decision::Grant).await.map(drop),
                _ => people[0].unban(&id).await.map(drop),
            }
        });
        let waits = async {
            while waiting(&mesh).await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(4), waits)
            .await
            .unwrap_or_else(|_| panic!("step {step} does not wait"));
        tx.rollback().await.unwrap();
        acting.await.unwrap().unwrap();
        if step == 0 {
            appeal = target.appeal("Wrong").await.unwrap().id;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m9_x1_of_32_appeals_one_is_made_and_twins_are_one() {
    let mesh = Mesh::racing().await;
    let moderator = moderator(&mesh, "mod").await;
    for round in 0..4 {
        let name = format!("guest-{round}");
        moderator.ban(&mesh.person(&name).id().await).await.unwrap();
        let same = Arc::new((0..WRITERS).map(|_| mesh.person(&name)).collect::<Vec<_>>());
        let twins = round % 2 == 0;
        let request = AppealBanRequest { text: "Wrong".into(), request_id: request_id() };
        let answers = at_once(&same, |at, people| {
            let mut request = request.clone();
            if !twins {
                request.request_id = request_id();
            }
            async move { people[at].moderation().appeal_ban(request).await.map(tonic::Response::into_inner) }
        })
        .await;
        let mut made = winners(answers, if twins { &[] } else { &["APPEAL_EXISTS"] });
        assert_eq!(made.len(), if twins { WRITERS } else { 1 });
        made.dedup();
        assert_eq!(made.len(), 1);
    }
    assert_eq!(number(&mesh, "select count(*) from appeals").await, 4);
    assert_eq!(number(&mesh, "select count(*) from moderation_log where action = 'appeal_ban'").await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m9_of_32_decisions_at_once_one_is_made_among_bans_of_the_same_person() {
    let mesh = Mesh::racing().await;
    let moderators = Arc::new(moderators(&mesh, WRITERS).await);
    let first = moderator(&mesh, "first").await;
    for round in 0..4 {
        let target = mesh.person(&format!("target-{round}"));
        let id = target.id().await;
        let ban = first.ban(&id).await.unwrap().id;
        let appeal = target.appeal("Wrong").await.unwrap().id;
        // A quarter bans meanwhile: a version of this ban, or, where it was lifted by then, another one.
        let answers = at_once(&moderators, |at, people| {
            let (id, appeal) = (id.clone(), appeal.clone());
            async move {
                if at % 4 == 3 {
                    people[at].ban(&id).await.unwrap();
                    return None;
                }
                let decision = if (at + round) % 2 == 0 { Decision::Grant } else { Decision::Reject };
                Some(people[at].decide(&appeal, decision).await)
            }
        })
        .await;
        let made = winners(answers.into_iter().flatten().collect(), &["APPEAL_DECIDED"]);
        let [decided] = &made[..] else { panic!("{made:?}") };
        let ban = first.see_ban(&ban).await.unwrap();
        assert_eq!(ban.appeal.as_ref(), Some(decided));
        let granted = decided.state() == AppealState::Granted;
        assert_eq!(ban.state() == BanState::Lifted, granted, "{ban:?}");
        assert_eq!(ban.lifted_by.as_ref(), decided.decided_by.as_ref().filter(|_| granted));
    }
    assert_eq!(number(&mesh, "select count(*) from moderation_log where action like '%t_appeal'").await, 4);
    let two = "select count(*) from (select from bans where ended_at is null group by user_id having count(*) > 1) t";
    assert_eq!(number(&mesh, two).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m6_x1_of_32_reports_of_one_thing_by_one_person_one_is_made() {
    let mesh = Mesh::racing().await;
    let people = mesh.crowd(5).await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("person-0")).collect::<Vec<_>>());
    for (round, person) in people[1..].iter().enumerate() {
        let twins = round % 2 == 0;
        let request = report_of(Object::UserId(person.id().await));
        let answers = at_once(&same, |at, people| {
            let request_id = if twins { request.request_id.clone() } else { request_id() };
            let request = CreateReportRequest { request_id, ..request.clone() };
            async move { people[at].moderation().create_report(request).await.map(tonic::Response::into_inner) }
        })
        .await;
        let mut made = winners(answers, if twins { &[] } else { &["REPORT_EXISTS"] });
        assert_eq!(made.len(), if twins { WRITERS } else { 1 });
        made.dedup();
        assert_eq!(made.len(), 1);
    }
    assert_eq!(number(&mesh, "select count(*) from reports").await, 4);
}

/// What is reported of one thing, whatever became of it.
async fn reports_of(mesh: &Mesh, object: &Object) -> Vec<Report> {
    let object = Some(crewup_proto::moderation::ReportedObject { object: Some(object.clone()) });
    let filter = ReportFilter { states: vec![1, 2, 3, 4], object, ..Default::default() };
    mesh.person("mod").reports(filter).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m7_of_32_moderators_who_claim_reports_of_one_thing_one_holds_them_all() {
    let mesh = Mesh::racing().await;
    let moderators = Arc::new(moderators(&mesh, WRITERS).await);
    let people = mesh.crowd(8).await;
    for person in &people[..4] {
        let object = Object::UserId(person.id().await);
        let mut made = Vec::new();
        for reporter in &people[4..] {
            made.push(reporter.report(object.clone()).await.unwrap().id);
        }
        let answers = at_once(&moderators, |at, people| {
            let report = made[at % made.len()].clone();
            async move { people[at].claim(&report).await }
        })
        .await;
        let won = winners(answers, &["REPORT_CLAIMED"]);
        assert_eq!(won.len(), 1);
        let held = reports_of(&mesh, &object).await;
        assert!(held.iter().all(|report| report.claimed_by == won[0].claimed_by && report.open_count == 4), "{held:?}");
    }
    assert_eq!(number(&mesh, "select count(*) from moderation_log").await, 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m7_of_claims_and_resolutions_at_once_one_has_its_way() {
    let mesh = Mesh::racing().await;
    let moderators = Arc::new(moderators(&mesh, WRITERS).await);
    let people = mesh.crowd(6).await;
    let mut resolved = 0;
    for (round, person) in people[..4].iter().enumerate() {
        let object = Object::UserId(person.id().await);
        let (first, second) = (people[4].report(object.clone()).await, people[5].report(object.clone()).await);
        let made = [first.unwrap().id, second.unwrap().id];
        let answers = at_once(&moderators, |at, people| {
            let report = made[at % 2].clone();
            async move {
                if (at + round) % 2 == 0 {
                    return people[at].claim(&report).await;
                }
                people[at].resolve(&report, Resolution::Acted).await.map(|done| done.report.unwrap())
            }
        })
        .await;
        let won = winners(answers, &["REPORT_CLAIMED", "REPORT_CLOSED"]);
        assert_eq!(won.len(), 1, "{won:?}");
        let after = reports_of(&mesh, &object).await;
        assert!(after.iter().all(|report| report.state() == won[0].state()), "{after:?}");
        resolved += usize::from(won[0].state() == ReportState::Resolved);
    }
    let log = number(&mesh, "select count(*) from moderation_log").await;
    assert_eq!(log, 8, "an entry for each report, {resolved} times of its end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m7_reports_that_are_made_meanwhile_are_in_the_same_hand_and_closed_with_the_others() {
    let mesh = Mesh::racing().await;
    let moderators = Arc::new(moderators(&mesh, 4).await);
    let people = Arc::new(mesh.crowd(WRITERS).await);
    for round in 0..4 {
        let object = Object::UserId(mesh.person(&format!("target-{round}")).id().await);
        let seed = mesh.person("guest").report(object.clone()).await.unwrap().id;
        let claims = at_once(&moderators, |at, people| {
            let seed = seed.clone();
            async move { people[at].claim(&seed).await }
        });
        let reporting = at_once(&people, |at, people| {
            let object = object.clone();
            async move { people[at].report(object).await.unwrap() }
        });
        let (claims, _) = tokio::join!(claims, reporting);
        let won = winners(claims, &["REPORT_CLAIMED"]);
        assert_eq!(won.len(), 1);
        let held = reports_of(&mesh, &object).await;
        assert_eq!(held.len(), WRITERS + 1);
        for report in &held {
            assert_eq!((report.state(), &report.claimed_by), (ReportState::Claimed, &won[0].claimed_by), "{report:?}");
        }
        let mut holder = None;
        for moderator in moderators.iter() {
            if Some(moderator.id().await) == won[0].claimed_by.as_ref().map(|by| by.user_id.clone()) {
                holder = Some(moderator);
            }
        }
        let closed = holder.unwrap().resolve(&held[round].id, Resolution::Dismissed).await.unwrap();
        assert_eq!(closed.closed_count as usize, WRITERS + 1);
    }
    mesh.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m7_a_report_that_is_being_made_while_the_others_are_claimed_comes_into_the_same_hand() {
    let mesh = Mesh::racing().await;
    let moderator = Arc::new(vec![moderator(&mesh, "mod").await]);
    let people = Arc::new(mesh.crowd(3).await);
    let object = Object::UserId(people[0].id().await);
    let first = people[1].report(object.clone()).await.unwrap().id;
    let mut db = mesh.db.connect().await;
    for statement in HOLD {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    let until = async |count: i64, done: &dyn Fn() -> bool| {
        while waiting(&mesh).await < count && !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (reporters, reported) = (Arc::clone(&people), object.clone());
    let reporting = tokio::spawn(async move { reporters[2].report(reported).await.map(drop) });
    until(1, &|| reporting.is_finished()).await;
    let holder = Arc::clone(&moderator);
    let claiming = tokio::spawn(async move { holder[0].claim(&first).await.map(drop) });
    until(2, &|| claiming.is_finished()).await;
    sqlx::query("select pg_advisory_unlock(4242)").execute(&mut db).await.unwrap();
    reporting.await.unwrap().unwrap();
    claiming.await.unwrap().unwrap();
    let states: Vec<_> = reports_of(&mesh, &object).await.iter().map(Report::state).collect();
    assert_eq!(states, [ReportState::Claimed; 2]);
}
