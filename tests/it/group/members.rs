//! Leaving, roles, removal and crew bans (G6, G8).

use crewup_proto::group::*;
use crewup_tests::{
    Mesh, Persona,
    persona::crew,
    refusal::{reason, refused},
};

use super::{absent, counted, ended_by, going};
use crate::{
    event::told,
    user::{deactivate, erase, ids},
};

/// A crew of all of `people`, joined in their order.
async fn crew_of(people: &[Persona], event: &str) -> String {
    let made = people[0].form(crew(event, 10)).await.unwrap().id;
    for person in &people[1..] {
        person.join(&made).await.unwrap();
    }
    made
}

#[tokio::test]
async fn g6_the_last_admin_hands_on_to_the_longest_standing_member_and_the_last_member_archives() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = crew_of(&people, &event).await;
    let ids = ids(&people).await;
    people[0].quit(&made).await.unwrap();
    let seen = people[2].crew(&made).await.unwrap();
    assert_eq!(seen.admins.iter().map(|admin| &admin.user_id).collect::<Vec<_>>(), [&ids[1]]);
    let entries = people[2].read(&made, None, 0).await.unwrap().entries;
    let Some(timeline_entry::Content::MemberPromoted(promoted)) = &entries[4].content else { panic!("{entries:?}") };
    assert_eq!((&promoted.person.as_ref().unwrap().user_id, &promoted.promoted_by), (&ids[1], &None));

    people[2].quit(&made).await.unwrap();
    people[1].quit(&made).await.unwrap();
    assert_eq!(counted(&mesh, &made).await.0, 0);
    let archived = people[1].crew(&made).await.unwrap();
    assert_eq!((archived.state(), archived.admins.len()), (GroupState::Archived, 0));
    assert!(archived.archive_time.is_some());
    for (id, person) in ids.iter().zip(&people) {
        person.quit(&made).await.unwrap();
        assert_eq!(ended_by(&mesh, &made, id).await.as_deref(), Some("left"), "a second time changes nothing");
    }
    assert_eq!(told(&mesh, "crew.members", &made).await, 6);
}

#[tokio::test]
async fn g6_roles_are_given_and_taken_and_the_last_admin_keeps_it() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = crew_of(&people, &event).await;
    let ids = ids(&people).await;
    assert_eq!(reason(people[1].set_role(&made, &ids[2], MemberRole::Admin).await), "NOT_CREW_ADMIN");
    assert_eq!(reason(people[0].set_role(&made, &ids[0], MemberRole::Member).await), "LAST_ADMIN");
    assert_eq!(reason(people[0].set_role(&made, &absent(), MemberRole::Admin).await), "NOT_FOUND");
    assert_eq!(reason(people[0].set_role(&made, &ids[1], MemberRole::Unspecified).await), "INVALID_FIELDS");
    let before = counted(&mesh, &made).await.1;
    let promoted = people[0].set_role(&made, &ids[1], MemberRole::Admin).await.unwrap();
    assert_eq!((promoted.role(), &promoted.user_id, &promoted.group_id), (MemberRole::Admin, &ids[1], &made));
    assert_eq!(people[0].set_role(&made, &ids[1], MemberRole::Admin).await.unwrap(), promoted);
    assert_eq!(counted(&mesh, &made).await.1, before + 1, "the role held already is no entry");
    people[0].set_role(&made, &ids[0], MemberRole::Member).await.unwrap();
    assert_eq!(reason(people[0].set_role(&made, &ids[1], MemberRole::Member).await), "NOT_CREW_ADMIN");
    let listed = people[2].members(&made).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|member| (&member.user_id, member.role())).collect();
    let expected = [(&ids[0], MemberRole::Member), (&ids[1], MemberRole::Admin), (&ids[2], MemberRole::Member)];
    assert_eq!(listed, expected, "longest-standing first");
}

#[tokio::test]
async fn g8_a_removed_member_may_come_back_and_a_banned_one_by_no_path_until_unbanned() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = crew_of(&people, &event).await;
    let ids = ids(&people).await;
    let link = people[0].crew_link(&made, None).await.unwrap();
    people[0].remove(&made, &ids[1], false).await.unwrap();
    people[0].remove(&made, &ids[1], false).await.unwrap();
    assert_eq!(reason(people[1].members(&made).await), "NOT_MEMBER");
    assert_eq!(ended_by(&mesh, &made, &ids[1]).await.as_deref(), Some("removed"));
    people[1].join(&made).await.unwrap();

    people[0].remove(&made, &ids[1], true).await.unwrap();
    assert_eq!(ended_by(&mesh, &made, &ids[1]).await.as_deref(), Some("removed"), "S1 is about bans of the platform");
    people[0].remove(&made, &ids[1], false).await.unwrap();
    assert_eq!(reason(people[1].join(&made).await), "CREW_BANNED", "a removal lifts no ban");
    assert_eq!(reason(people[1].follow(&link).await), "CREW_BANNED");
    for refused in [
        reason(people[1].members(&made).await),
        reason(people[1].read(&made, None, 0).await),
        reason(people[1].say(&made, "Hi").await),
        reason(people[1].mark_read(&made, 1).await),
    ] {
        assert_eq!(refused, "CREW_BANNED");
    }
    let seen = people[1].crew(&made).await.unwrap();
    assert_eq!(seen.my_membership.unwrap().status(), MembershipStatus::Banned);
    assert_eq!(seen.allowed_actions, [0_i32; 0]);

    people[0].lift_crew_ban(&made, &ids[1]).await.unwrap();
    people[0].lift_crew_ban(&made, &ids[1]).await.unwrap();
    assert_eq!(counted(&mesh, &made).await.0, 2, "unbanning makes no member");
    people[1].join(&made).await.unwrap();
}

#[tokio::test]
async fn g8_bans_are_an_admins_of_any_person_but_oneself_and_listed_newest_first() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let made = crew_of(&people[..2], &event).await;
    let ids = ids(&people).await;
    assert_eq!(reason(people[1].remove(&made, &ids[0], true).await), "NOT_CREW_ADMIN");
    assert_eq!(reason(people[1].lift_crew_ban(&made, &ids[0]).await), "NOT_CREW_ADMIN");
    let own = refused(people[0].remove(&made, &ids[0], false).await);
    assert_eq!((own.reason.as_str(), &own.fields[..]), ("SELF_NOT_ALLOWED", &["user_id".to_owned()][..]));
    assert_eq!(reason(people[0].remove(&made, &absent(), true).await), "NOT_FOUND", "there is no such person");
    let before = counted(&mesh, &made).await;
    for id in [&ids[2], &ids[3], &ids[2]] {
        people[0].remove(&made, id, true).await.unwrap();
    }
    assert_eq!(counted(&mesh, &made).await, before, "who is not a member is only banned");
    let list = ListBannedMembersRequest { group_id: made.clone(), ..Default::default() };
    assert_eq!(reason(people[1].groups().list_banned_members(list.clone()).await), "NOT_CREW_ADMIN");
    let listed = people[0].groups().list_banned_members(list).await.unwrap().into_inner().members;
    let listed: Vec<_> = listed
        .iter()
        .map(|one| (&one.person.as_ref().unwrap().user_id, &one.banned_by.as_ref().unwrap().user_id))
        .collect();
    assert_eq!(listed, [(&ids[3], &ids[0]), (&ids[2], &ids[0])]);
}

#[tokio::test]
async fn g3_blocks_hide_nobody_in_a_crew() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    people[0].block(&people[1].id().await).await.unwrap();
    let made = crew_of(&people, &event).await;
    people[1].say(&made, "Hello").await.unwrap();
    assert_eq!(people[0].members(&made).await.unwrap().len(), 2);
    assert_eq!(people[0].read(&made, None, 0).await.unwrap().entries.len(), 3);
    assert_eq!(people[0].crew(&made).await.unwrap().unread_count, Some(1));
}

#[tokio::test]
async fn x2_a_crew_ban_of_a_person_who_is_hidden_is_as_one_of_nobody() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 6).await;
    let made = crew_of(&people[..2], &event).await;
    let ids = ids(&people).await;
    let (member, away, blocker, blocked, erased) = (1, 2, 3, 4, 5);
    deactivate(&people[away]).await;
    people[blocker].block(&ids[0]).await.unwrap();
    people[0].block(&ids[blocked]).await.unwrap();
    erase(&people[erased], &ids[erased]).await;
    let nobody = people[0].remove(&made, &absent(), true).await.unwrap_err();
    for hidden in [away, blocker, blocked, erased] {
        let told = people[0].remove(&made, &ids[hidden], true).await.unwrap_err();
        assert_eq!((told.message(), told.details()), (nobody.message(), nobody.details()), "{hidden}");
    }
    // Whom the crew has known, it may name.
    people[member].quit(&made).await.unwrap();
    people[member].block(&ids[0]).await.unwrap();
    people[0].remove(&made, &ids[member], true).await.unwrap();
    assert_eq!(reason(people[member].join(&made).await), "CREW_BANNED");
}
