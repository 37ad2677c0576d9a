use chrono::Duration;
use crewup_issuer::Person;
use crewup_proto::{
    call::Access,
    event::EventState,
    moderation::{BanFilter, BanState, BanUserRequest, ListBansRequest, Violation},
};
use crewup_tests::{
    Mesh,
    persona::{ban_of, in_hours, pages, party, request_id},
    raw::{self, unary_calls},
    refusal::{reason, refused},
};

use super::{moderator, moderators, number, with_role};
use crate::{event::counted, event::told, user::absent};

#[tokio::test]
async fn m1_nobody_acts_on_oneself_on_an_equal_or_on_a_higher_rank() {
    let mesh = Mesh::start().await;
    let (low, equal) = (moderator(&mesh, "low").await, moderator(&mesh, "equal").await);
    let (high, highest) = (with_role(&mesh, "high", "admin").await, with_role(&mesh, "highest", "admin").await);
    let guest = mesh.person("guest");
    for (actor, target, expected) in [
        (&low, &low, "SELF_NOT_ALLOWED"),
        (&high, &high, "SELF_NOT_ALLOWED"),
        (&low, &equal, "RANK_TOO_LOW"),
        (&low, &high, "RANK_TOO_LOW"),
        (&high, &highest, "RANK_TOO_LOW"),
        (&guest, &low, "ROLE_REQUIRED"),
    ] {
        let target = target.id().await;
        assert_eq!(reason(actor.ban(&target).await), expected);
        assert_eq!(reason(actor.unban(&target).await), expected);
    }
    assert_eq!(number(&mesh, "select count(*) from bans").await, 0);
    high.ban(&low.id().await).await.unwrap();
    assert_eq!(reason(equal.unban(&low.id().await).await), "RANK_TOO_LOW", "whatever the standing");
    high.unban(&low.id().await).await.unwrap();
}

#[tokio::test]
async fn m1_the_rank_of_the_target_is_the_role_last_seen() {
    let mesh = Mesh::start().await;
    let (moderator, former) = (moderator(&mesh, "mod").await, moderator(&mesh, "former").await);
    let id = former.id().await;
    assert_eq!(reason(moderator.ban(&id).await), "RANK_TOO_LOW");
    // Tokens are a second apart: the newer one is followed (U2).
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    mesh.person_as(&Person::named("former").with_roles([""; 0])).me().await.unwrap();
    moderator.ban(&id).await.unwrap();
}

#[tokio::test]
async fn m1_every_call_for_moderators_refuses_everyone_else() {
    let mesh = Mesh::start().await;
    let guest = format!("Bearer {}", mesh.person("guest").token());
    let mut calls = 0;
    for (service, call) in unary_calls().filter(|(_, call)| call.access == [Access::Moderator]) {
        let headers = [("authorization", guest.as_bytes())];
        let answer = raw::call(mesh.addr(service).unwrap(), call.path, &headers, Vec::new()).await;
        assert_eq!(reason(answer), "ROLE_REQUIRED", "{}", call.path);
        calls += 1;
    }
    assert!(calls >= 9);
}

#[tokio::test]
async fn m2_banning_again_revises_with_history() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let guest = mesh.person("guest").id().await;
    let first = BanUserRequest {
        violation: Violation::Harassment.into(),
        internal_note: "Third time".into(),
        expire_time: Some(in_hours(24)),
        ..ban_of(&guest)
    };
    let made = moderators[0].ban_as(first.clone()).await.unwrap();
    assert_eq!((made.state(), made.violation()), (BanState::Active, Violation::Harassment));
    assert_eq!((&made.reason, &made.internal_note), (&first.reason, &first.internal_note));
    assert_eq!(made.expire_time, first.expire_time);
    assert_eq!(made.user.as_ref().map(|user| user.first_name.as_str()), Some("Guest"));

    let revised = moderators[1].ban(&guest).await.unwrap();
    assert_eq!((&revised.id, revised.create_time), (&made.id, made.create_time));
    assert_eq!((revised.violation(), revised.expire_time, revised.internal_note.as_str()), (Violation::Spam, None, ""));
    assert_eq!(revised.banned_by.as_ref().map(|by| by.user_id.clone()), Some(moderators[0].id().await));
    let [old, new] = &revised.revisions[..] else { panic!("{:?}", revised.revisions) };
    assert_eq!(
        (old.violation(), old.expire_time, &old.internal_note),
        (Violation::Harassment, first.expire_time, &first.internal_note)
    );
    assert_eq!((new.violation(), new.expire_time), (Violation::Spam, None));
    assert_eq!(new.revised_by.as_ref().map(|by| by.user_id.clone()), Some(moderators[1].id().await));
    assert_eq!(moderators[0].see_ban(&made.id).await.unwrap(), revised);
    assert_eq!(number(&mesh, "select count(*) from bans where ended_at is null").await, 1);
    assert_eq!(told(&mesh, "user.standing", &guest).await, 2);
}

#[tokio::test]
async fn m2_what_a_ban_needs_is_named_at_once() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let nothing = BanUserRequest { expire_time: Some(in_hours(-1)), ..Default::default() };
    let fields = refused(moderator.ban_as(nothing).await).fields;
    assert_eq!(fields, ["expire_time", "reason", "request_id", "user_id", "violation"]);
    let short = BanUserRequest { reason: "  too short ".into(), ..ban_of(&absent()) };
    assert_eq!(refused(moderator.ban_as(short).await).fields, ["reason"]);
    assert_eq!(reason(moderator.ban(&absent()).await), "NOT_FOUND");
    assert_eq!(reason(moderator.unban(&absent()).await), "NOT_FOUND");
    assert_eq!(reason(moderator.see_ban(&absent()).await), "NOT_FOUND");
    assert_eq!(number(&mesh, "select count(*) from idempotency").await, 0, "a failed call leaves no key (X1)");
}

#[tokio::test]
async fn m4_a_ban_that_is_over_by_its_time_is_expired_and_the_next_is_another_one() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    let short = BanUserRequest { expire_time: Some(in_hours(2)), ..ban_of(&id) };
    let first = moderator.ban_as(short).await.unwrap();
    mesh.db.advance(Duration::minutes(119)).await;
    assert_eq!(guest.my_ban().await.unwrap().id, first.id);
    mesh.db.advance(Duration::minutes(2)).await;
    assert_eq!(moderator.see_ban(&first.id).await.unwrap().state(), BanState::Expired);
    assert_eq!(reason(guest.my_ban().await), "NOT_BANNED");
    assert_eq!(reason(guest.appeal("Wrong").await), "NOT_BANNED");
    assert_eq!(reason(moderator.unban(&id).await), "NOT_BANNED");
    guest.create(party(None)).await.unwrap();

    let second = moderator.ban(&id).await.unwrap();
    assert!(second.id != first.id && second.revisions.len() == 1);
    let first = moderator.see_ban(&first.id).await.unwrap();
    assert_eq!((first.state(), first.lifted_by, first.lift_time), (BanState::Expired, None, None));
    let ended = "select count(*) from bans where ended_at = expires_at and ended_by is null";
    assert_eq!(number(&mesh, ended).await, 1);
}

#[tokio::test]
async fn m2_a_ban_is_lifted_once_and_who_was_not_banned_cannot_be_unbanned() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    assert_eq!(reason(moderators[0].unban(&id).await), "NOT_BANNED");
    let made = moderators[0].ban(&id).await.unwrap();
    let lifted = moderators[1].unban(&id).await.unwrap();
    assert_eq!((&lifted.id, lifted.state()), (&made.id, BanState::Lifted));
    assert_eq!(lifted.lifted_by.as_ref().map(|by| by.user_id.clone()), Some(moderators[1].id().await));
    assert!(lifted.lift_time.is_some() && lifted.lift_time != lifted.create_time);
    assert_eq!(moderators[0].unban(&id).await.unwrap(), lifted, "a second time is OK, unchanged");
    assert_eq!(told(&mesh, "user.standing", &id).await, 2);
    assert_eq!(number(&mesh, "select count(*) from moderation_log").await, 2);
    guest.create(party(None)).await.unwrap();
    assert_ne!(moderators[0].ban(&id).await.unwrap().id, made.id);
}

#[tokio::test]
async fn m5_a_ban_frees_seats_and_cancels_own_events_and_lifting_it_brings_nothing_back() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let people = mesh.crowd(2).await;
    let id = people[1].id().await;
    let theirs = people[1].create(party(None)).await.unwrap();
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    moderator.ban(&id).await.unwrap();
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made.id).await.going, 1);
    assert_eq!(people[0].get(&theirs.id).await.unwrap().state(), EventState::Cancelled);
    moderator.unban(&id).await.unwrap();
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made.id).await.going, 1);
    people[1].go(&made.id).await.unwrap();
}

#[tokio::test]
async fn x1_a_ban_that_is_sent_again_is_made_once_and_answered_as_it_is_now() {
    let mesh = Mesh::start().await;
    let moderators = moderators(&mesh, 2).await;
    let guest = mesh.person("guest").id().await;
    let request = BanUserRequest { expire_time: Some(in_hours(1)), ..ban_of(&guest) };
    let made = moderators[0].ban_as(request.clone()).await.unwrap();
    let revision = BanUserRequest { request_id: request_id(), ..ban_of(&guest) };
    let revised = moderators[1].ban_as(revision.clone()).await.unwrap();
    // The expiry is in the past by now: a retry comes later than the call that it repeats.
    mesh.db.advance(Duration::hours(2)).await;
    assert_eq!(moderators[0].ban_as(request.clone()).await.unwrap(), revised);
    assert_eq!(moderators[1].ban_as(revision).await.unwrap().id, made.id);
    let other = BanUserRequest { reason: "Something else".into(), ..request };
    assert_eq!(reason(moderators[0].ban_as(other).await), "REQUEST_ID_REUSED");
    assert_eq!(number(&mesh, "select count(*) from bans").await, 2);
}

#[tokio::test]
async fn e21_bans_are_listed_newest_first_by_person_and_state() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let people = mesh.crowd(5).await;
    let mut made = Vec::new();
    for (at, person) in people.iter().enumerate() {
        let expire_time = (at % 2 == 0).then(|| in_hours(1));
        made.push(moderator.ban_as(BanUserRequest { expire_time, ..ban_of(&person.id().await) }).await.unwrap().id);
    }
    moderator.unban(&people[1].id().await).await.unwrap();
    mesh.db.advance(Duration::hours(2)).await;
    made.push(moderator.ban(&people[0].id().await).await.unwrap().id);
    let list = async |filter: BanFilter| {
        let request = ListBansRequest { filter: Some(filter.clone()), page_size: 2, ..Default::default() };
        let page = async |request| {
            let page = moderator.moderation().list_bans(request).await.unwrap().into_inner();
            (page.bans, page.next_page_token)
        };
        let found = pages(request, page).await.into_iter();
        found.map(|ban| made.iter().position(|id| *id == ban.id).unwrap()).collect::<Vec<_>>()
    };
    let of = |states: &[BanState]| BanFilter {
        states: states.iter().map(|state| (*state).into()).collect(),
        ..Default::default()
    };
    assert_eq!(list(BanFilter::default()).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(list(of(&[BanState::Active])).await, [5, 3]);
    assert_eq!(list(of(&[BanState::Expired])).await, [4, 2, 0]);
    assert_eq!(list(of(&[BanState::Lifted, BanState::Active])).await, [5, 3, 1]);
    let user_id = people[0].id().await;
    assert_eq!(list(BanFilter { user_id, ..Default::default() }).await, [5, 0]);
}
