//! Requests to join a private crew (G3).

use crewup_proto::group::*;
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, private_crew},
    refusal::{reason, refused},
};

use super::{absent, counted, ended_by, going};
use crate::user::{ban, deactivate};

async fn pending(admin: &Persona, crew: &str) -> Vec<JoinRequest> {
    let request = ListJoinRequestsRequest { group_id: crew.into(), ..Default::default() };
    admin.groups().list_join_requests(request).await.unwrap().into_inner().join_requests
}

#[tokio::test]
async fn g3_an_approved_request_makes_a_member_and_the_timeline_says_by_whom() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(private_crew(&event, 5)).await.unwrap();
    let asked = people[1].ask(&made.id, "  It's me  ").await.unwrap();
    let listed = pending(&people[0], &made.id).await;
    assert_eq!((listed.len(), listed[0].id.as_str(), listed[0].note.as_str()), (1, asked.as_str(), "It's me"));
    assert_eq!(listed[0].person.as_ref().unwrap().user_id, people[1].id().await);
    let list = ListJoinRequestsRequest { group_id: made.id.clone(), ..Default::default() };
    assert_eq!(reason(people[1].groups().list_join_requests(list).await), "NOT_CREW_ADMIN");
    assert_eq!(reason(people[1].approve(&asked).await), "NOT_CREW_ADMIN");
    assert_eq!(reason(people[1].reject(&asked).await), "NOT_CREW_ADMIN");

    let approved = people[0].approve(&asked).await.unwrap();
    assert_eq!(approved.state(), JoinRequestState::Approved);
    assert!(approved.decide_time.is_some());
    assert_eq!(people[0].approve(&asked).await.unwrap(), approved, "a second time");
    assert_eq!(reason(people[0].reject(&asked).await), "REQUEST_NOT_PENDING");
    assert_eq!(reason(people[1].take_back(&asked).await), "REQUEST_NOT_PENDING");
    assert_eq!(counted(&mesh, &made.id).await.0, 2);
    let entries = people[1].read(&made.id, None, 0).await.unwrap().entries;
    let Some(timeline_entry::Content::MemberJoined(joined)) = &entries[1].content else { panic!("{entries:?}") };
    assert_eq!(joined.approved_by.as_ref().unwrap().user_id, people[0].id().await);
    assert!(pending(&people[0], &made.id).await.is_empty());
}

#[tokio::test]
async fn g3_a_rejected_or_cancelled_request_is_final_and_the_person_may_ask_again() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(private_crew(&event, 5)).await.unwrap();
    let first = people[1].ask(&made.id, "").await.unwrap();
    for _ in 0..2 {
        assert_eq!(people[0].reject(&first).await.unwrap().state(), JoinRequestState::Rejected);
    }
    assert_eq!(reason(people[0].approve(&first).await), "REQUEST_NOT_PENDING");
    let second = people[1].ask(&made.id, "").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(reason(people[0].take_back(&second).await), "NOT_OWNER");
    assert_eq!(reason(people[1].approve(&second).await), "NOT_CREW_ADMIN");
    assert_eq!(refused(people[2].take_back(&second).await), refused(people[2].take_back(&absent()).await), "hidden");
    for _ in 0..2 {
        assert_eq!(people[1].take_back(&second).await.unwrap().state(), JoinRequestState::Cancelled);
    }
    assert_eq!(reason(people[0].approve(&second).await), "REQUEST_NOT_PENDING");
    assert_eq!(reason(people[0].reject(&second).await), "REQUEST_NOT_PENDING");
}

#[tokio::test]
async fn g3_approval_looks_at_place_rsvp_and_standing_again() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let (people, event) = going(&mesh, 6).await;
    let made = people[0].form(private_crew(&event, 2)).await.unwrap();
    let mut asked = Vec::new();
    for person in &people[1..] {
        asked.push(person.ask(&made.id, "").await.unwrap());
    }
    people[1].leave(&event).await.unwrap();
    assert_eq!(reason(people[0].approve(&asked[0]).await), "NOT_ATTENDING");
    // Still going: nobody has reacted yet.
    ban(&mesh, &people[2].id().await).await;
    assert_eq!(reason(people[0].approve(&asked[1]).await), "NOT_ATTENDING", "a banned person");
    deactivate(&people[3]).await;
    assert_eq!(reason(people[0].approve(&asked[2]).await), "NOT_ATTENDING", "a deactivated person");
    people[0].approve(&asked[3]).await.unwrap();
    assert_eq!(reason(people[0].approve(&asked[4]).await), "GROUP_FULL");
    assert_eq!(counted(&mesh, &made.id).await.0, 2);
    people[4].quit(&made.id).await.unwrap();
    people[0].approve(&asked[4]).await.unwrap();
}

#[tokio::test]
async fn g3_a_full_crew_can_be_asked_and_a_crew_ban_or_the_end_of_the_crew_cancels_the_request() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let made = people[0].form(private_crew(&event, 2)).await.unwrap();
    let link = people[0].crew_link(&made.id, None).await.unwrap();
    people[1].follow(&link).await.unwrap();
    let (second, third) = (people[2].ask(&made.id, "").await.unwrap(), people[3].ask(&made.id, "").await.unwrap());
    people[0].remove(&made.id, &people[2].id().await, true).await.unwrap();
    assert_eq!(reason(people[0].approve(&second).await), "REQUEST_NOT_PENDING");
    assert_eq!(reason(people[2].ask(&made.id, "").await), "CREW_BANNED");
    people[0].disband(&made.id).await.unwrap();
    assert_eq!(people[3].take_back(&third).await.unwrap().state(), JoinRequestState::Cancelled);
    assert_eq!(reason(people[0].approve(&third).await), "NOT_FOUND", "an archived crew has no admins");
    assert_eq!(ended_by(&mesh, &made.id, &people[1].id().await).await.as_deref(), Some("archived"));
}

#[tokio::test]
async fn g3_a_note_is_no_longer_than_300_characters() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 2)).await.unwrap();
    assert_eq!(reason(people[1].ask(&made.id, &"é".repeat(301)).await), "INVALID_FIELDS");
    assert_eq!(people[1].ask(&made.id, &"é".repeat(300)).await.unwrap(), "", "an open crew is joined at once");
    assert_eq!(counted(&mesh, &made.id).await.0, 2);
}
