use crewup_proto::{
    event::{CreateInvitationRequest, ListAttendeesRequest},
    user::*,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{party, private_party, request_id},
    refusal::{reason, refused},
};

use super::{absent, ban, deactivate, ids, met};

async fn unblock(person: &Persona, user: &str) {
    person.users().unblock_user(UnblockUserRequest { user_id: user.into() }).await.unwrap();
}

async fn blocked(person: &Persona) -> Vec<String> {
    let listed = person.users().list_blocked_users(ListBlockedUsersRequest::default()).await.unwrap();
    listed.into_inner().users.into_iter().map(|user| user.user_id).collect()
}

#[tokio::test]
async fn u5_a_block_is_idempotent_and_never_of_oneself() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let ids = ids(&people).await;
    for _ in 0..2 {
        people[0].block(&ids[1]).await.unwrap();
        assert_eq!(blocked(&people[0]).await, [ids[1].clone()]);
    }
    let refusal = refused(people[0].block(&ids[0]).await);
    assert_eq!((refusal.reason.as_str(), refusal.fields), ("SELF_NOT_ALLOWED", vec!["user_id".to_owned()]));
    for _ in 0..2 {
        unblock(&people[0], &ids[1]).await;
        assert!(blocked(&people[0]).await.is_empty());
    }
    unblock(&people[0], &absent()).await;
    people[0].see(&ids[1]).await.unwrap();
    people[1].see(&ids[0]).await.unwrap();
}

#[tokio::test]
async fn u5_to_each_other_both_are_as_people_who_do_not_exist() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    people[0].block(&ids[1]).await.unwrap();
    let nobody = absent();
    for (viewer, other) in [(&people[0], &ids[1]), (&people[1], &ids[0])] {
        let mut users = viewer.users();
        assert_eq!(refused(viewer.see(other).await), refused(viewer.see(&nobody).await));
        let ratings = |user: &str| ListRatingsRequest { user_id: user.into(), ..Default::default() };
        assert_eq!(
            refused(users.list_ratings(ratings(other)).await),
            refused(users.list_ratings(ratings(&nobody)).await)
        );
        let reputation = |user: &str| GetReputationRequest { user_id: user.into() };
        assert_eq!(
            refused(users.get_reputation(reputation(other)).await),
            refused(users.get_reputation(reputation(&nobody)).await)
        );
        let batch = BatchGetUsersRequest { user_ids: vec![other.clone(), nobody.clone(), ids[2].clone()] };
        let seen = users.batch_get_users(batch).await.unwrap().into_inner().users;
        assert_eq!(seen.iter().map(|user| &user.id).collect::<Vec<_>>(), [&ids[2]]);
        let search = SearchUsersRequest { query: "person".into(), ..Default::default() };
        let found = users.search_users(search).await.unwrap().into_inner().users;
        assert_eq!(found.iter().map(|user| &user.id).collect::<Vec<_>>(), [&ids[2]]);
        let ratable = users.list_ratable_users(ListRatableUsersRequest::default()).await.unwrap().into_inner().users;
        assert_eq!(ratable.iter().map(|user| &user.user_id).collect::<Vec<_>>(), [&ids[2]]);
        people[2].see(other).await.unwrap();
    }
    // The one who is blocked learns nothing by blocking back, or by looking at the own list.
    assert_eq!(refused(people[1].block(&ids[0]).await), refused(people[1].block(&nobody).await));
    assert!(blocked(&people[1]).await.is_empty());
    unblock(&people[1], &ids[0]).await;
    assert_eq!(reason(people[1].see(&ids[0]).await), "NOT_FOUND", "a block is taken back by whoever made it");
    let attendees = ListAttendeesRequest { event_id: event, ..Default::default() };
    let attendees = people[1].events().list_attendees(attendees).await.unwrap().into_inner().attendees;
    assert!(attendees.iter().all(|attendee| attendee.user_id != ids[0]));
}

#[tokio::test]
async fn u5_a_named_invitation_across_a_block_is_as_one_of_nobody() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let mut events = Vec::new();
    for person in &people[..2] {
        events.push(person.create(private_party(None)).await.unwrap().id);
    }
    people[0].block(&ids[1]).await.unwrap();
    for (host, other) in [(0, 1), (1, 0)] {
        let invite = |invitee: &str| {
            let request = CreateInvitationRequest {
                event_id: events[host].clone(),
                invitee_id: invitee.to_owned(),
                request_id: request_id(),
                ..Default::default()
            };
            let mut events = people[host].events();
            async move { events.create_invitation(request).await }
        };
        let hidden = refused(invite(&ids[other]).await);
        assert_eq!(hidden.reason, "NOT_FOUND");
        assert_eq!(hidden, refused(invite(&absent()).await));
        invite(&ids[2]).await.unwrap();
    }
}

#[tokio::test]
async fn u5_ratings_by_hidden_people_are_left_out_of_a_list_and_counted_all_the_same() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 4).await;
    let ids = ids(&people).await;
    for rater in [0, 1, 3] {
        people[rater].rate(&ids[2], &event, if rater == 1 { 1 } else { 4 }).await.unwrap();
    }
    people[0].block(&ids[1]).await.unwrap();
    let raters = |viewer: usize| {
        let mut users = people[viewer].users();
        let request = ListRatingsRequest { user_id: ids[2].clone(), ..Default::default() };
        async move {
            let listed = users.list_ratings(request).await.unwrap().into_inner().ratings;
            listed.into_iter().map(|rating| rating.rater_user_id).collect::<Vec<_>>()
        }
    };
    assert_eq!(raters(0).await, [ids[3].clone(), ids[0].clone()]);
    assert_eq!(raters(1).await, [ids[3].clone(), ids[1].clone()]);
    assert_eq!(raters(2).await.len(), 3);
    for viewer in &people {
        let reputation = viewer.see(&ids[2]).await.unwrap().reputation.unwrap();
        assert_eq!(reputation, Reputation { average: Some(3.0), count: 3 }, "E24: the same for everyone");
    }
}

#[tokio::test]
async fn e24_u5_a_block_touches_no_count_and_no_seat() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let event = people[0].create(party(Some(2))).await.unwrap().id;
    people[1].go(&event).await.unwrap();
    people[2].go(&event).await.unwrap();
    people[0].block(&ids[1]).await.unwrap();
    people[2].block(&ids[1]).await.unwrap();
    for person in &people {
        let seen = person.get(&event).await.unwrap();
        assert_eq!((seen.going_count, seen.waiting_count, seen.free_seats), (2, 1, Some(0)));
    }
    crate::event::counted(&mesh, &event).await;
    people[1].leave(&event).await.unwrap();
    assert_eq!(people[0].get(&event).await.unwrap().waiting_count, 0, "the seat went to the waiter");
}

#[tokio::test]
async fn u5_nobody_who_is_hidden_can_be_blocked_but_a_block_outlives_the_hiding() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let ids = ids(&people).await;
    people[0].block(&ids[1]).await.unwrap();
    for away in [1, 2] {
        deactivate(&people[away]).await;
    }
    ban(&mesh, &ids[3]).await;
    let nobody = refused(people[0].block(&absent()).await);
    for hidden in [2, 3] {
        assert_eq!(refused(people[0].block(&ids[hidden]).await), nobody);
    }
    people[0].block(&ids[1]).await.unwrap();
    assert_eq!(blocked(&people[0]).await, [ids[1].clone()]);
}
