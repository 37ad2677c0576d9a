use crewup_proto::group::*;
use crewup_tests::{
    Mesh,
    persona::{crew, private_crew, private_party},
    refusal::{reason, refused},
};

use super::{absent, counted, going, going_to};
use crate::event::told;

#[tokio::test]
async fn g2_joining_is_for_who_is_going_until_the_crew_is_full_and_twice_is_as_once() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(crew(&event, 2)).await.unwrap();
    let stranger = mesh.person("stranger");
    assert_eq!(reason(stranger.join(&made.id).await), "NOT_ATTENDING");
    let joined = people[1].join(&made.id).await.unwrap();
    assert_eq!((joined.member_count, joined.last_sequence), (2, Some(2)));
    assert_eq!(joined.my_membership.as_ref().unwrap().status(), MembershipStatus::Member);
    assert_eq!(people[1].join(&made.id).await.unwrap(), joined);
    assert_eq!(reason(people[2].join(&made.id).await), "GROUP_FULL");
    assert_eq!(counted(&mesh, &made.id).await, (2, 2));
    assert_eq!(told(&mesh, "crew.members", &made.id).await, 2, "once for each who became a member");
    people[1].quit(&made.id).await.unwrap();
    people[2].join(&made.id).await.unwrap();
}

#[tokio::test]
async fn g2_an_archived_crew_takes_nobody() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap();
    people[0].disband(&made.id).await.unwrap();
    assert_eq!(reason(people[1].join(&made.id).await), "GROUP_ARCHIVED");
    assert_eq!(reason(people[0].join(&made.id).await), "GROUP_ARCHIVED");
}

#[tokio::test]
async fn g3_who_sees_the_event_sees_the_crew_and_only_members_see_more() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(Group { description: "Tram".into(), ..private_crew(&event, 5) }).await.unwrap();
    people[0].say(&made.id, "Hello").await.unwrap();
    let stranger = mesh.person("stranger");
    let seen = stranger.crew(&made.id).await.unwrap();
    assert_eq!((&seen.name, &seen.description, seen.member_count), (&made.name, &made.description, 1));
    assert_eq!(seen.admins, made.admins);
    assert_eq!((seen.unread_count, seen.last_sequence), (None, None));
    assert_eq!(seen.my_membership.unwrap(), Membership { status: MembershipStatus::None.into(), ..Default::default() });
    assert_eq!(reason(stranger.members(&made.id).await), "NOT_MEMBER");
    assert_eq!(reason(stranger.read(&made.id, None, 0).await), "NOT_MEMBER");
    assert_eq!(reason(stranger.say(&made.id, "Hi").await), "NOT_MEMBER");
    assert_eq!(reason(stranger.mark_read(&made.id, 1).await), "NOT_MEMBER");
    assert_eq!(reason(stranger.quit(&made.id).await), "NOT_MEMBER");
}

#[tokio::test]
async fn g3_a_crew_of_a_private_event_is_to_an_outsider_as_one_that_does_not_exist() {
    let mesh = Mesh::start().await;
    let (people, event) = going_to(&mesh, private_party(None), 1).await;
    let host = &people[0];
    let made = host.form(crew(&event, 5)).await.unwrap();
    let message = host.say(&made.id, "Hello").await.unwrap().id;
    let link = host.crew_link(&made.id, None).await.unwrap();
    let (outsider, none) = (mesh.person("stranger"), absent());
    let user = outsider.id().await;
    let of = |id: &str| Group { id: id.into(), ..crew(&event, 5) };
    for (hidden, missing) in [
        (refused(outsider.crew(&made.id).await), refused(outsider.crew(&none).await)),
        (refused(outsider.join(&made.id).await), refused(outsider.join(&none).await)),
        (refused(outsider.quit(&made.id).await), refused(outsider.quit(&none).await)),
        (refused(outsider.members(&made.id).await), refused(outsider.members(&none).await)),
        (refused(outsider.say(&made.id, "Hi").await), refused(outsider.say(&none, "Hi").await)),
        (refused(outsider.read(&made.id, None, 0).await), refused(outsider.read(&none, None, 0).await)),
        (refused(outsider.mark_read(&made.id, 1).await), refused(outsider.mark_read(&none, 1).await)),
        (refused(outsider.reword(&message, "x").await), refused(outsider.reword(&none, "x").await)),
        (refused(outsider.retract(&message).await), refused(outsider.retract(&none).await)),
        (refused(outsider.disband(&made.id).await), refused(outsider.disband(&none).await)),
        (refused(outsider.remove(&made.id, &user, true).await), refused(outsider.remove(&none, &user, true).await)),
        (refused(outsider.crew_link(&made.id, None).await), refused(outsider.crew_link(&none, None).await)),
        (refused(outsider.reform(of(&made.id), &["name"]).await), refused(outsider.reform(of(&none), &["name"]).await)),
        (
            refused(outsider.set_role(&made.id, &user, MemberRole::Admin).await),
            refused(outsider.set_role(&none, &user, MemberRole::Admin).await),
        ),
    ] {
        assert_eq!(hidden, missing);
        assert_eq!(hidden.reason, "NOT_FOUND");
    }
    assert_eq!(refused(outsider.follow(&link).await), refused(outsider.follow("never-made").await));
    let list = |event_id: &str| ListGroupsRequest { event_id: event_id.into(), ..Default::default() };
    let hidden = refused(outsider.groups().list_groups(list(&event)).await);
    assert_eq!(hidden, refused(outsider.groups().list_groups(list(&none)).await));
    let search = SearchGroupsRequest { query: made.name, ..Default::default() };
    assert!(outsider.groups().search_groups(search).await.unwrap().into_inner().groups.is_empty());
}

#[tokio::test]
async fn g3_a_private_crew_is_joined_by_a_request_and_one_that_was_opened_at_once() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(private_crew(&event, 2)).await.unwrap();
    assert_eq!(reason(people[1].join(&made.id).await), "GROUP_PRIVATE");
    assert_eq!(reason(mesh.person("stranger").ask(&made.id, "").await), "NOT_ATTENDING");
    let asked = people[1].ask(&made.id, "It's me").await.unwrap();
    assert_eq!(people[1].ask(&made.id, "Again").await.unwrap(), asked, "one pending request");
    let mine = people[1].join(&made.id).await.unwrap().my_membership.unwrap();
    assert_eq!((mine.status(), mine.join_request_id.as_str()), (MembershipStatus::Pending, asked.as_str()));
    assert_eq!(counted(&mesh, &made.id).await.0, 1);

    let open = Group { id: made.id.clone(), is_private: Some(false), ..Default::default() };
    people[0].reform(open, &["is_private"]).await.unwrap();
    assert_eq!(counted(&mesh, &made.id).await.0, 1, "opening lets nobody in");
    let joined = people[1].join(&made.id).await.unwrap().my_membership.unwrap();
    assert_eq!((joined.status(), joined.join_request_id.as_str()), (MembershipStatus::Member, ""));
    assert_eq!(reason(people[0].approve(&asked).await), "REQUEST_NOT_PENDING", "joining took no approval");
}
