//! Links into crews (G3), which work as those to events do (E20).

use chrono::Duration;
use crewup_proto::group::*;
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, in_hours, private_crew, request_id},
    refusal::{reason, refused},
};
use tonic::{Response, Status};

use super::{counted, going};

async fn invite(admin: &Persona, request: CreateInvitationRequest) -> Result<CreateInvitationResponse, Status> {
    let request = CreateInvitationRequest { request_id: request_id(), ..request };
    Ok(admin.groups().create_invitation(request).await?.into_inner())
}

#[tokio::test]
async fn g3_a_link_makes_a_member_of_a_private_crew_and_ends_a_pending_request() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(private_crew(&event, 3)).await.unwrap();
    let link = people[0].crew_link(&made.id, None).await.unwrap();
    let asked = people[1].ask(&made.id, "").await.unwrap();
    let joined = people[1].follow(&link).await.unwrap();
    assert_eq!(joined.my_membership.unwrap().status(), MembershipStatus::Member);
    assert_eq!(people[1].take_back(&asked).await.unwrap().state(), JoinRequestState::Cancelled);
    assert_eq!(reason(mesh.person("stranger").follow(&link).await), "NOT_ATTENDING");
    assert_eq!(counted(&mesh, &made.id).await.0, 2);
}

#[tokio::test]
async fn g3_the_same_person_twice_is_one_use_also_after_leaving_and_a_refusal_is_none() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let made = people[0].form(private_crew(&event, 2)).await.unwrap();
    let link = people[0].crew_link(&made.id, Some(2)).await.unwrap();
    for _ in 0..2 {
        people[1].follow(&link).await.unwrap();
        people[1].follow(&link).await.unwrap();
        people[1].quit(&made.id).await.unwrap();
    }
    people[2].follow(&link).await.unwrap();
    assert_eq!(reason(people[3].follow(&link).await), "INVITATION_NOT_FOUND", "used up");
    assert_eq!(reason(people[1].follow(&link).await), "GROUP_FULL");
    people[2].quit(&made.id).await.unwrap();
    people[1].follow(&link).await.unwrap();
    let list = ListInvitationsRequest { group_id: made.id.clone(), ..Default::default() };
    assert_eq!(reason(people[1].groups().list_invitations(list.clone()).await), "NOT_CREW_ADMIN");
    let listed = people[0].groups().list_invitations(list).await.unwrap().into_inner().invitations;
    assert_eq!((listed.len(), listed[0].use_count, listed[0].max_uses), (1, 2, Some(2)));
    assert_eq!(listed[0].created_by.as_ref().unwrap().user_id, people[0].id().await);
}

#[tokio::test]
async fn g3_a_bad_link_of_any_kind_is_the_same_answer() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 3)).await.unwrap();
    let other = people[0].form(crew(&event, 3)).await.unwrap();
    let draft = CreateInvitationRequest { group_id: made.id.clone(), ..Default::default() };
    let short = CreateInvitationRequest { expire_time: Some(in_hours(1)), ..draft.clone() };
    let short = invite(&people[0], short).await.unwrap().token;
    let revoked = invite(&people[0], draft).await.unwrap();
    let id = revoked.invitation.unwrap().id;
    let revoke = RevokeInvitationRequest { invitation_id: id };
    assert_eq!(reason(people[1].groups().revoke_invitation(revoke.clone()).await), "NOT_FOUND");
    for _ in 0..2 {
        let answer = people[0].groups().revoke_invitation(revoke.clone()).await.unwrap().into_inner();
        assert!(answer.invitation.unwrap().revoke_time.is_some());
    }
    let archived = people[0].crew_link(&other.id, None).await.unwrap();
    people[0].disband(&other.id).await.unwrap();
    mesh.db.advance(Duration::minutes(61)).await;
    let unknown = refused(people[1].follow("never-made").await);
    assert_eq!(unknown.reason, "INVITATION_NOT_FOUND");
    assert_eq!(refused(people[1].follow(&short).await), unknown, "expired");
    assert_eq!(refused(people[1].follow(&revoked.token).await), unknown, "revoked");
    assert_eq!(refused(people[1].follow(&archived).await), unknown, "of an archived crew");
    assert_eq!(refused(people[1].follow("").await).fields, ["token"]);
}

#[tokio::test]
async fn g3_a_link_lets_no_crew_banned_person_in() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(private_crew(&event, 3)).await.unwrap();
    let link = people[0].crew_link(&made.id, Some(1)).await.unwrap();
    people[0].remove(&made.id, &people[1].id().await, true).await.unwrap();
    assert_eq!(reason(people[1].follow(&link).await), "CREW_BANNED");
    people[0].lift_crew_ban(&made.id, &people[1].id().await).await.unwrap();
    people[1].follow(&link).await.unwrap();
}

#[tokio::test]
async fn x1_a_link_whose_answer_was_lost_is_answered_again_with_a_secret_that_works() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 3)).await.unwrap();
    let request = CreateInvitationRequest {
        group_id: made.id.clone(),
        expire_time: Some(in_hours(1)),
        request_id: request_id(),
        ..Default::default()
    };
    let invite = || async { people[0].groups().create_invitation(request.clone()).await.map(Response::into_inner) };
    let (lost, again) = (invite().await.unwrap(), invite().await.unwrap());
    assert_eq!(lost.invitation, again.invitation);
    assert_eq!(reason(people[1].follow(&lost.token).await), "INVITATION_NOT_FOUND", "the new one takes its place");
    people[1].follow(&again.token).await.unwrap();
    let stored: Vec<u8> = sqlx::query_scalar("select token_hash from group_invitations")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(stored.len(), 32);
    assert!(!String::from_utf8_lossy(&stored).contains(&again.token), "as a hash");

    // Also after it expired: a retry comes later than the call that it repeats.
    mesh.db.advance(Duration::hours(2)).await;
    let used = invite().await.unwrap();
    assert_eq!((used.invitation.map(|made| made.use_count), used.token.as_str()), (Some(1), ""), "it was not lost");
    people[0].quit(&made.id).await.unwrap();
    assert_eq!(reason(invite().await), "NOT_CREW_ADMIN", "by today's rights");
}

#[tokio::test]
async fn g3_links_have_bounds_and_are_made_by_admins_only() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 3)).await.unwrap();
    people[1].join(&made.id).await.unwrap();
    assert_eq!(reason(people[1].crew_link(&made.id, None).await), "NOT_CREW_ADMIN");
    let bad = CreateInvitationRequest {
        group_id: made.id.clone(),
        max_uses: Some(0),
        expire_time: Some(in_hours(-1)),
        ..Default::default()
    };
    assert_eq!(refused(invite(&people[0], bad).await).fields, ["expire_time", "max_uses"]);
    let far =
        CreateInvitationRequest { group_id: made.id, expire_time: Some(in_hours(401 * 24)), ..Default::default() };
    assert_eq!(refused(invite(&people[0], far).await).fields, ["expire_time"]);
}
