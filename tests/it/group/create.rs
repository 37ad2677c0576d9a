use chrono::Duration;
use crewup_proto::group::*;
use crewup_tests::{
    Mesh,
    persona::{crew, private_party, request_id},
    refusal::{reason, refused},
};

use super::{absent, counted, going};
use crate::event::told;

#[tokio::test]
async fn g1_the_creator_is_member_and_admin_and_reads_back_what_was_made() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    let draft = Group { description: "We meet at the tram".into(), is_private: Some(true), ..crew(&event, 5) };
    let made = people[0].form(draft.clone()).await.unwrap();
    assert_eq!(made, people[0].crew(&made.id).await.unwrap());
    assert_eq!((&made.event_id, &made.name, &made.description), (&event, &draft.name, &draft.description));
    assert_eq!((made.max_members, made.is_private, made.state()), (Some(5), Some(true), GroupState::Active));
    assert_eq!((made.member_count, made.last_sequence, made.unread_count), (1, Some(1), Some(0)));
    let mine = made.my_membership.unwrap();
    assert_eq!((mine.status(), mine.read_sequence), (MembershipStatus::Admin, Some(1)));
    let me = people[0].me().await.unwrap();
    assert_eq!(made.admins, [Person { user_id: me.id, first_name: me.first_name, last_name: me.last_name }]);
    assert_eq!(counted(&mesh, &made.id).await, (1, 1));
    assert_eq!(told(&mesh, "crew.members", &made.id).await, 1);
}

#[tokio::test]
async fn g1_each_bound_holds_every_violation_is_named_and_the_default_is_ten() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    for most in [2, 50] {
        assert_eq!(people[0].form(crew(&event, most)).await.unwrap().max_members, Some(most));
    }
    let plain = Group { max_members: None, ..crew(&event, 0) };
    let made = people[0].form(plain).await.unwrap();
    assert_eq!((made.max_members, made.is_private), (Some(10), Some(false)));
    for most in [1, 51, 0, -3] {
        assert_eq!(refused(people[0].form(crew(&event, most)).await).fields, ["group.max_members"]);
    }
    let wrong = Group {
        event_id: "tonight".into(),
        name: "  ".into(),
        description: "a\0b".into(),
        max_members: Some(1),
        ..Default::default()
    };
    let refusal = refused(people[0].form(wrong).await);
    assert_eq!(refusal.fields, ["group.description", "group.event_id", "group.max_members", "group.name"]);
    let nothing = CreateGroupRequest::default();
    let refusal = refused(people[0].groups().create_group(nothing).await);
    assert_eq!(refusal.fields, ["group", "group.event_id", "group.name", "request_id"]);
}

#[tokio::test]
async fn g1_only_who_is_going_makes_a_crew_of_an_event_that_is_seen_and_not_over() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let private = people[0].create(private_party(None)).await.unwrap().id;
    people[1].leave(&event).await.unwrap();
    assert_eq!(reason(people[1].form(crew(&event, 4)).await), "NOT_ATTENDING");
    assert_eq!(reason(mesh.person("stranger").form(crew(&event, 4)).await), "NOT_ATTENDING");
    let (hidden, missing) =
        (refused(people[1].form(crew(&private, 4)).await), refused(people[1].form(crew(&absent(), 4)).await));
    assert_eq!((hidden.reason.as_str(), &hidden), ("NOT_FOUND", &missing));
    people[0].form(crew(&private, 4)).await.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::hours(7)).await;
    assert_eq!(reason(people[0].form(crew(&event, 4)).await), "EVENT_OVER");
}

#[tokio::test]
async fn e16_a_cancelled_event_takes_no_crew_no_member_and_no_link_but_keeps_its_crews() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap();
    let closed = people[0].form(Group { is_private: Some(true), ..crew(&event, 5) }).await.unwrap();
    people[1].join(&made.id).await.unwrap();
    let link = people[0].crew_link(&made.id, None).await.unwrap();
    let asked = people[2].ask(&closed.id, "").await.unwrap();
    people[0].cancel(&event).await.unwrap();
    assert_eq!(reason(people[0].form(crew(&event, 5)).await), "EVENT_CANCELLED");
    assert_eq!(reason(people[2].join(&made.id).await), "EVENT_CANCELLED");
    assert_eq!(reason(people[2].follow(&link).await), "EVENT_CANCELLED");
    assert_eq!(reason(people[0].crew_link(&made.id, None).await), "EVENT_CANCELLED");
    assert_eq!(reason(people[0].approve(&asked).await), "EVENT_CANCELLED");
    assert_eq!(people[2].ask(&closed.id, "").await.unwrap(), asked, "who has asked already is told the same");
    assert_eq!(people[1].join(&made.id).await.unwrap().member_count, 2, "so is who is a member");

    people[1].leave(&event).await.unwrap();
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made.id).await.0, 2, "leaving a cancelled event keeps the crews");
    people[1].say(&made.id, "What a pity").await.unwrap();
    people[1].quit(&made.id).await.unwrap();
    mesh.db.advance(Duration::hours(72)).await;
    assert_eq!(reason(people[0].say(&made.id, "Late").await), "CHAT_CLOSED");
}

#[tokio::test]
async fn x1_a_retry_answers_the_same_crew_and_another_request_is_refused() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    let request = CreateGroupRequest { group: Some(crew(&event, 5)), request_id: request_id() };
    let create = |request: CreateGroupRequest| async { people[0].groups().create_group(request).await };
    let first = create(request.clone()).await.unwrap().into_inner();
    mesh.db.advance(Duration::days(8)).await;
    let again = create(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.group.unwrap().id, again.group.unwrap().id, "also when the time for a first call is over");
    let mut other = request;
    other.group.as_mut().unwrap().name = "Another".into();
    assert_eq!(reason(create(other).await), "REQUEST_ID_REUSED");
}
