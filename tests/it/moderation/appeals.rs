use chrono::Duration;
use crewup_issuer::Person;
use crewup_proto::moderation::{
    AppealBanRequest, AppealFilter, AppealState, BanState, BanUserRequest, DecideAppealRequest, ListAppealsRequest,
    decide_appeal_request::Decision,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{ban_of, in_hours, pages, party, request_id},
    refusal::{reason, refused},
};

use super::{moderator, moderators, number, with_role};
use crate::{event::told, user::absent};

/// A banned guest with an appeal: (the guest, the ban's id, the appeal's).
async fn appealed(mesh: &Mesh, by: &Persona) -> (Persona, String, String) {
    let guest = mesh.person("guest");
    let ban = by.ban(&guest.id().await).await.unwrap().id;
    let appeal = guest.appeal("It was my brother").await.unwrap().id;
    (guest, ban, appeal)
}

#[tokio::test]
async fn m9_a_ban_is_read_and_appealed_once_by_who_is_banned_whatever_its_versions() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    assert_eq!(reason(guest.my_ban().await), "NOT_BANNED");
    assert_eq!(reason(guest.appeal("Why").await), "NOT_BANNED");
    let ban = moderators[0].ban_as(BanUserRequest { internal_note: "Secret".into(), ..ban_of(&id) }).await.unwrap();
    let mine = guest.my_ban().await.unwrap();
    assert_eq!((&mine.id, &mine.reason, mine.create_time, mine.appeal), (&ban.id, &ban.reason, ban.create_time, None));

    assert_eq!(refused(guest.appeal(" \n ").await).fields, ["text"]);
    let made = guest.appeal("  It was my brother ").await.unwrap();
    assert_eq!(
        (made.text.as_str(), made.state(), made.answer.as_str()),
        ("It was my brother", AppealState::Pending, "")
    );
    assert_eq!(guest.my_ban().await.unwrap().appeal, Some(made.clone()));
    assert_eq!(moderators[1].see_ban(&ban.id).await.unwrap().appeal.unwrap().id, made.id);
    moderators[1].ban(&id).await.unwrap();
    assert_eq!(reason(guest.appeal("Again").await), "APPEAL_EXISTS");
    assert_eq!(reason(guest.create(party(None)).await), "USER_BANNED", "the ban stays in force meanwhile");
    // Another ban, another appeal.
    moderators[0].unban(&id).await.unwrap();
    moderators[0].ban(&id).await.unwrap();
    assert_ne!(guest.appeal("Once more").await.unwrap().id, made.id);
}

#[tokio::test]
async fn m9_no_moderator_who_made_a_version_decides() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 3).await;
    let (guest, ban, appeal) = appealed(&mesh, &moderators[0]).await;
    // The reviser comes after the appeal, and is one of them all the same.
    moderators[1].ban(&guest.id().await).await.unwrap();
    for at in [0, 1] {
        for decision in [Decision::Grant, Decision::Reject] {
            assert_eq!(reason(moderators[at].decide(&appeal, decision).await), "SAME_MODERATOR");
        }
    }
    let decided = moderators[2].decide(&appeal, Decision::Reject).await.unwrap();
    assert_eq!((decided.state(), decided.answer.as_str()), (AppealState::Rejected, "We looked again"));
    assert_eq!(decided.decided_by.unwrap().user_id, moderators[2].id().await);
    assert_eq!(decided.ban_id, ban);
    let mine = guest.my_ban().await.unwrap().appeal.unwrap();
    assert_eq!((mine.state(), mine.answer.as_str()), (AppealState::Rejected, "We looked again"));
}

#[tokio::test]
async fn m9_granting_lifts_the_ban_and_a_decision_is_final() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 3).await;
    let (guest, ban, appeal) = appealed(&mesh, &moderators[0]).await;
    let id = guest.id().await;
    let granted = moderators[1].decide(&appeal, Decision::Grant).await.unwrap();
    assert_eq!(granted.state(), AppealState::Granted);
    let lifted = moderators[0].see_ban(&ban).await.unwrap();
    assert_eq!(lifted.state(), BanState::Lifted);
    assert_eq!(lifted.lifted_by.unwrap().user_id, moderators[1].id().await);
    assert_eq!(told(&mesh, "user.standing", &id).await, 2);
    guest.create(party(None)).await.unwrap();

    let other =
        DecideAppealRequest { appeal_id: appeal.clone(), decision: Decision::Grant.into(), answer: "Words".into() };
    let again = moderators[1].moderation().decide_appeal(other).await.unwrap().into_inner().appeal.unwrap();
    assert_eq!(again, granted, "the same decision by the same moderator is OK, unchanged");
    assert_eq!(reason(moderators[1].decide(&appeal, Decision::Reject).await), "APPEAL_DECIDED");
    assert_eq!(reason(moderators[2].decide(&appeal, Decision::Grant).await), "APPEAL_DECIDED");
    assert_eq!(number(&mesh, "select count(*) from moderation_log").await, 3);
    mesh.settled().await;
}

#[tokio::test]
async fn m9_granting_what_is_over_lifts_nothing() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    let short = BanUserRequest { expire_time: Some(in_hours(1)), ..ban_of(&id) };
    let over = moderators[0].ban_as(short).await.unwrap().id;
    let appeal = guest.appeal("Wrong").await.unwrap().id;
    mesh.db.advance(Duration::hours(2)).await;
    // In force by now is another ban, against which nobody appealed.
    let other = moderators[0].ban(&id).await.unwrap().id;
    assert_eq!(moderators[1].decide(&appeal, Decision::Grant).await.unwrap().state(), AppealState::Granted);
    assert_eq!(moderators[1].see_ban(&over).await.unwrap().state(), BanState::Expired);
    assert_eq!(moderators[1].see_ban(&other).await.unwrap().state(), BanState::Active);
    assert_eq!(told(&mesh, "user.standing", &id).await, 2);
}

#[tokio::test]
async fn m1_an_appeal_of_oneself_or_of_an_equal_is_not_decided() {
    let mesh = Mesh::start().await;
    let (admin, other) = (with_role(&mesh, "chief", "admin").await, moderator(&mesh, "other").await);
    let banned = moderator(&mesh, "mod").await;
    let short = BanUserRequest { expire_time: Some(in_hours(1)), ..ban_of(&banned.id().await) };
    admin.ban_as(short).await.unwrap();
    let appeal = banned.appeal("I moderate").await.unwrap().id;
    assert_eq!(reason(banned.decide(&appeal, Decision::Grant).await), "USER_BANNED");
    assert_eq!(reason(other.decide(&appeal, Decision::Grant).await), "RANK_TOO_LOW");
    mesh.db.advance(Duration::hours(2)).await;
    // Signed in again, as the clock of tokens did not move along: the standing is read anew by a write.
    let back = mesh.person_as(&Person::named("mod"));
    assert_eq!(reason(back.decide(&appeal, Decision::Grant).await), "SELF_NOT_ALLOWED");
    assert_eq!(reason(other.decide(&absent(), Decision::Grant).await), "NOT_FOUND");
    let empty = other.moderation().decide_appeal(DecideAppealRequest::default()).await;
    assert_eq!(refused(empty).fields, ["answer", "appeal_id", "decision"]);
}

#[tokio::test]
async fn x1_an_appeal_that_is_sent_again_is_made_once_and_answered_when_the_ban_is_over() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    moderator.ban(&id).await.unwrap();
    let request = AppealBanRequest { text: "Wrong".into(), request_id: request_id() };
    let appeal = async |request: AppealBanRequest| guest.moderation().appeal_ban(request).await;
    let made = appeal(request.clone()).await.unwrap().into_inner();
    moderator.unban(&id).await.unwrap();
    assert_eq!(appeal(request.clone()).await.unwrap().into_inner(), made);
    assert_eq!(reason(appeal(AppealBanRequest { text: "Other".into(), ..request }).await), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn e21_appeals_are_listed_oldest_first_pending_unless_asked_otherwise() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let people = mesh.crowd(3).await;
    let mut made = Vec::new();
    for person in &people {
        moderators[0].ban(&person.id().await).await.unwrap();
        made.push(person.appeal("Wrong").await.unwrap().id);
    }
    moderators[1].decide(&made[1], Decision::Reject).await.unwrap();
    let list = async |filter: Option<AppealFilter>| {
        let request = ListAppealsRequest { filter: filter.clone(), page_size: 1, ..Default::default() };
        let page = async |request| {
            let page = moderators[0].moderation().list_appeals(request).await.unwrap().into_inner();
            (page.appeals, page.next_page_token)
        };
        let found = pages(request, page).await.into_iter();
        found.map(|appeal| made.iter().position(|id| *id == appeal.id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, [0, 2]);
    let states = vec![AppealState::Pending.into(), AppealState::Rejected.into()];
    assert_eq!(list(Some(AppealFilter { states: states.clone(), ..Default::default() })).await, [0, 1, 2]);
    let user_id = people[1].id().await;
    assert_eq!(list(Some(AppealFilter { user_id: user_id.clone(), states })).await, [1]);
    assert_eq!(list(Some(AppealFilter { user_id, ..Default::default() })).await, [0; 0]);
}
