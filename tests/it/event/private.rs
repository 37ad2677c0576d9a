use chrono::Duration;
use crewup_proto::event::*;
use crewup_tests::{
    Mesh, Persona,
    persona::{in_hours, party, private_party, request_id},
    refusal::{reason, refused},
};
use tonic::Status;

async fn invite(host: &Persona, request: CreateInvitationRequest) -> Result<CreateInvitationResponse, Status> {
    let request = CreateInvitationRequest { request_id: request_id(), ..request };
    Ok(host.events().create_invitation(request).await?.into_inner())
}

#[tokio::test]
async fn e20_to_an_outsider_a_private_event_is_as_one_that_does_not_exist() {
    let mesh = Mesh::start().await;
    let (host, outsider) = (mesh.person("host"), mesh.person("stranger"));
    let made = host.create(private_party(None)).await.unwrap();
    let absent = uuid::Uuid::now_v7().to_string();
    for (hidden, missing) in [
        (refused(outsider.get(&made.id).await), refused(outsider.get(&absent).await)),
        (refused(outsider.go(&made.id).await), refused(outsider.go(&absent).await)),
        (refused(outsider.cancel(&made.id).await), refused(outsider.cancel(&absent).await)),
        (refused(outsider.link(&made.id, None).await), refused(outsider.link(&absent, None).await)),
    ] {
        assert_eq!(hidden, missing);
        assert_eq!(hidden.reason, "NOT_FOUND");
    }
    let batch = BatchGetEventsRequest { event_ids: vec![made.id.clone(), absent] };
    assert!(outsider.events().batch_get_events(batch).await.unwrap().into_inner().events.is_empty());
    let list = ListEventsRequest { include_total: true, ..Default::default() };
    let list = outsider.events().list_events(list).await.unwrap().into_inner();
    assert_eq!((list.events.len(), list.total_size), (0, Some(0)));
    let search = SearchEventsRequest { query: made.name, ..Default::default() };
    assert!(outsider.events().search_events(search).await.unwrap().into_inner().results.is_empty());
}

#[tokio::test]
async fn e20_a_link_gives_access_but_no_seat_and_not_going_keeps_it() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(private_party(Some(5))).await.unwrap();
    let link = host.link(&made.id, None).await.unwrap();
    let seen = guest.accept(&link).await.unwrap();
    assert_eq!((seen.id.as_str(), seen.going_count), (made.id.as_str(), 1));
    guest.go(&made.id).await.unwrap();
    guest.leave(&made.id).await.unwrap();
    guest.get(&made.id).await.unwrap();
}

#[tokio::test]
async fn e20_the_same_person_twice_is_one_use_and_a_used_up_link_is_not_found() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    let made = host.create(private_party(None)).await.unwrap();
    let link = host.link(&made.id, Some(1)).await.unwrap();
    guest.accept(&link).await.unwrap();
    guest.accept(&link).await.unwrap();
    assert_eq!(reason(friend.accept(&link).await), "INVITATION_NOT_FOUND");
}

#[tokio::test]
async fn e20_a_bad_link_of_any_kind_is_the_same_answer() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(private_party(None)).await.unwrap();
    let short =
        CreateInvitationRequest { event_id: made.id.clone(), expire_time: Some(in_hours(1)), ..Default::default() };
    let short = invite(&host, short).await.unwrap().token;
    let ended = CreateInvitationRequest { event_id: made.id.clone(), ..Default::default() };
    let ended = invite(&host, ended).await.unwrap();
    let id = ended.invitation.unwrap().id;
    let revoke = RevokeInvitationRequest { invitation_id: id };
    for _ in 0..2 {
        let revoked = host.events().revoke_invitation(revoke.clone()).await.unwrap().into_inner();
        assert!(revoked.invitation.unwrap().revoke_time.is_some());
    }
    mesh.db.advance(Duration::minutes(61)).await;
    let unknown = refused(guest.accept("never-made").await);
    assert_eq!(unknown.reason, "INVITATION_NOT_FOUND");
    assert_eq!(refused(guest.accept(&short).await), unknown, "expired");
    assert_eq!(refused(guest.accept(&ended.token).await), unknown, "revoked");
}

#[tokio::test]
async fn e20_a_named_invitation_is_for_one_person_and_a_removed_one_loses_access() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    let made = host.create(private_party(None)).await.unwrap();
    let named =
        CreateInvitationRequest { event_id: made.id.clone(), invitee_id: guest.id().await, ..Default::default() };
    let named = invite(&host, named).await.unwrap();
    assert_eq!(named.token, "", "a name needs no secret");
    let accept = |person: &Persona| {
        let id = named.invitation.clone().unwrap().id;
        let invitation = Some(accept_invitation_request::Invitation::InvitationId(id));
        let mut events = person.events();
        async move { events.accept_invitation(AcceptInvitationRequest { invitation }).await }
    };
    assert_eq!(reason(accept(&friend).await), "INVITATION_NOT_FOUND");
    accept(&guest).await.unwrap();
    guest.go(&made.id).await.unwrap();
    let remove = RemoveAttendeeRequest { event_id: made.id.clone(), user_id: guest.id().await };
    host.events().remove_attendee(remove).await.unwrap();
    assert_eq!(reason(guest.get(&made.id).await), "NOT_FOUND");
    assert_eq!(host.get(&made.id).await.unwrap().going_count, 1);
}

#[tokio::test]
async fn e20_who_was_removed_comes_back_by_no_invitation_of_before_and_uses_none_twice() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(private_party(None)).await.unwrap();
    let (used, unused) = (host.link(&made.id, None).await.unwrap(), host.link(&made.id, None).await.unwrap());
    let by_name = || async {
        let named =
            CreateInvitationRequest { event_id: made.id.clone(), invitee_id: guest.id().await, ..Default::default() };
        let id = invite(&host, named).await.unwrap().invitation.unwrap().id;
        AcceptInvitationRequest { invitation: Some(accept_invitation_request::Invitation::InvitationId(id)) }
    };
    let named = by_name().await;
    guest.accept(&used).await.unwrap();
    let remove = RemoveAttendeeRequest { event_id: made.id.clone(), user_id: guest.id().await };
    for _ in 0..2 {
        host.events().remove_attendee(remove.clone()).await.unwrap();
        assert_eq!(reason(guest.accept(&used).await), "INVITATION_NOT_FOUND", "the link that let the person in");
        assert_eq!(reason(guest.accept(&unused).await), "INVITATION_NOT_FOUND", "another one of before");
        assert_eq!(reason(guest.events().accept_invitation(named.clone()).await), "INVITATION_NOT_FOUND", "by name");
        assert_eq!(reason(guest.get(&made.id).await), "NOT_FOUND");
        let list = ListInvitationsRequest { event_id: made.id.clone(), ..Default::default() };
        let listed = host.events().list_invitations(list).await.unwrap().into_inner().invitations;
        let uses: i32 = listed.iter().map(|invitation| invitation.use_count).sum();
        assert_eq!(uses, 1, "the same person twice is one use");
    }
    mesh.person("friend").accept(&unused).await.unwrap();
    guest.events().accept_invitation(by_name().await).await.unwrap();
    guest.go(&made.id).await.unwrap();
}

#[tokio::test]
async fn e20_x1_an_invitation_whose_answer_was_lost_is_answered_again_with_a_secret_that_works() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(private_party(None)).await.unwrap();
    let request = CreateInvitationRequest { event_id: made.id, request_id: request_id(), ..Default::default() };
    let invite = || async { host.events().create_invitation(request.clone()).await.unwrap().into_inner() };
    let (lost, again) = (invite().await, invite().await);
    assert_eq!(lost.invitation, again.invitation);
    assert_eq!(reason(guest.accept(&lost.token).await), "INVITATION_NOT_FOUND", "the new one takes its place");
    guest.accept(&again.token).await.unwrap();
    assert_eq!(invite().await.token, "", "somebody used it, so it was not lost");
    guest.accept(&again.token).await.unwrap();
    let stored: Vec<u8> = sqlx::query_scalar("select token_hash from event_invitations")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(stored.len(), 32);
    assert!(!String::from_utf8_lossy(&stored).contains(&again.token), "as a hash");
}

#[tokio::test]
async fn e20_invitations_are_made_and_listed_by_the_host_of_a_private_event_only() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let public = host.create(party(None)).await.unwrap();
    let private = host.create(private_party(None)).await.unwrap();
    assert_eq!(reason(host.link(&public.id, None).await), "EVENT_PUBLIC");
    let link = host.link(&private.id, None).await.unwrap();
    guest.accept(&link).await.unwrap();
    assert_eq!(reason(guest.link(&private.id, None).await), "NOT_OWNER");
    let list = ListInvitationsRequest { event_id: private.id.clone(), ..Default::default() };
    assert_eq!(reason(guest.events().list_invitations(list.clone()).await), "NOT_OWNER");
    let listed = host.events().list_invitations(list).await.unwrap().into_inner().invitations;
    assert_eq!((listed.len(), listed[0].use_count), (1, 1));
    let bad = CreateInvitationRequest {
        event_id: private.id,
        invitee_id: guest.id().await,
        max_uses: Some(0),
        expire_time: Some(in_hours(-1)),
        ..Default::default()
    };
    assert_eq!(refused(invite(&host, bad).await).fields, ["expire_time", "max_uses", "max_uses"]);
}

#[tokio::test]
async fn e20_a_used_up_link_tells_nothing_of_the_event_and_a_blocked_host_invites_nobody() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    let made = host.create(private_party(None)).await.unwrap();
    let link = host.link(&made.id, Some(1)).await.unwrap();
    guest.accept(&link).await.unwrap();
    let named =
        CreateInvitationRequest { event_id: made.id.clone(), invitee_id: friend.id().await, ..Default::default() };
    let named = invite(&host, named).await.unwrap().invitation.unwrap().id;
    host.cancel(&made.id).await.unwrap();
    assert_eq!(reason(friend.accept(&link).await), "INVITATION_NOT_FOUND");

    let block = crewup_proto::user::BlockUserRequest { user_id: host.id().await };
    friend.users().block_user(block).await.unwrap();
    let invitation = Some(accept_invitation_request::Invitation::InvitationId(named));
    let accepted = friend.events().accept_invitation(AcceptInvitationRequest { invitation }).await;
    assert_eq!(reason(accepted), "INVITATION_NOT_FOUND", "U5");
}

#[tokio::test]
async fn x1_a_retry_of_an_invitation_is_answered_after_it_expired() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(private_party(None)).await.unwrap();
    let request = CreateInvitationRequest {
        event_id: made.id,
        expire_time: Some(in_hours(1)),
        request_id: request_id(),
        ..Default::default()
    };
    let first = host.events().create_invitation(request.clone()).await.unwrap().into_inner();
    mesh.db.advance(Duration::hours(2)).await;
    let again = host.events().create_invitation(request).await.unwrap().into_inner();
    assert_eq!(first.invitation, again.invitation);
}

#[tokio::test]
async fn e16_e20_an_event_that_is_cancelled_or_over_invites_nobody_and_lets_nobody_in() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    for (cancelled, why) in [(true, "EVENT_CANCELLED"), (false, "EVENT_OVER")] {
        let made = host.create(private_party(None)).await.unwrap();
        let link = host.link(&made.id, Some(2)).await.unwrap();
        let named =
            CreateInvitationRequest { event_id: made.id.clone(), invitee_id: friend.id().await, ..Default::default() };
        let invited = invite(&host, named.clone()).await.unwrap().invitation.unwrap();
        if cancelled {
            host.cancel(&made.id).await.unwrap();
        } else {
            mesh.db.advance(Duration::days(7) + Duration::hours(7)).await;
        }
        assert_eq!(reason(host.link(&made.id, None).await), why);
        assert_eq!(reason(invite(&host, named).await), why);
        assert_eq!(reason(guest.accept(&link).await), why);
        let invitation = Some(accept_invitation_request::Invitation::InvitationId(invited.id));
        assert_eq!(reason(friend.events().accept_invitation(AcceptInvitationRequest { invitation }).await), why);
        for refused in [&guest, &friend] {
            assert_eq!(reason(refused.get(&made.id).await), "NOT_FOUND", "a refused call gives no access");
        }
        let list = ListInvitationsRequest { event_id: made.id, ..Default::default() };
        let listed = host.events().list_invitations(list).await.unwrap().into_inner().invitations;
        let uses: Vec<_> = listed.iter().map(|invitation| invitation.use_count).collect();
        assert_eq!(uses, [0, 0], "and is no use");
    }
}
