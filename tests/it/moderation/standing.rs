//! What a ban does to every call of every service (M3).

use std::time::Duration;

use crewup_proto::{
    call::{Access, Standing},
    event::CreateEventRequest,
    user::{DeactivateMeRequest, ReactivateMeRequest},
};
use crewup_tests::{
    Mesh, Refusal,
    persona::party,
    raw::{self, unary_calls},
    refusal::reason,
};
use prost::Message as _;

use super::{moderator, with_role};

#[tokio::test]
async fn m3_a_banned_person_keeps_the_calls_that_a_ban_leaves_and_no_other_of_any_service() {
    let mesh = Mesh::start().await;
    let admin = with_role(&mesh, "chief", "admin").await;
    // A moderator, who passes the door of every call.
    let banned = moderator(&mesh, "mod").await;
    let own = format!("Bearer {}", banned.token());
    let service = format!("Bearer {}", mesh.issuer().service_token("moderation"));
    // Every service has just seen the person as active, and remembers it for a second.
    banned.create(party(None)).await.unwrap();
    banned.get(&crate::user::absent()).await.unwrap_err();
    banned.queue().await.unwrap();
    admin.ban(&banned.id().await).await.unwrap();

    let (mut refused, mut kept) = (0, 0);
    for (name, call) in unary_calls().filter(|(_, call)| !call.path.ends_with("/EnsureUser")) {
        let internal = call.access == [Access::Service];
        let headers = if internal {
            vec![("authorization", service.as_bytes()), ("x-crewup-user-token", own.as_bytes())]
        } else {
            vec![("authorization", own.as_bytes())]
        };
        let answer = raw::call(mesh.addr(name).unwrap(), call.path, &headers, Vec::new()).await;
        let reason = answer.err().map(|status| Refusal::of(&status).reason);
        let is_refused = reason.as_deref() == Some("USER_BANNED");
        assert_eq!(is_refused, !call.also_while.contains(&Standing::Banned), "{}: {reason:?}", call.path);
        if is_refused { refused += 1 } else { kept += 1 }
    }
    assert!(refused >= 40 && kept >= 2, "{refused} refused, {kept} kept");

    // And not only with an empty request.
    let request = CreateEventRequest { event: Some(party(None)), request_id: crate::user::absent() };
    let path = "/crewup.event.v1.EventService/CreateEvent";
    let headers = [("authorization", own.as_bytes())];
    let answer = raw::call(mesh.addr("event").unwrap(), path, &headers, request.encode_to_vec()).await;
    assert_eq!(Refusal::of(&answer.unwrap_err()).reason, "USER_BANNED");
    banned.my_ban().await.unwrap();
    banned.appeal("It was my brother").await.unwrap();
}

#[tokio::test]
async fn m3_who_is_deactivated_and_banned_reads_and_appeals_the_ban_too() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    guest.users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    assert_eq!(reason(guest.my_ban().await), "NOT_BANNED");
    let ban = moderator.ban(&id).await.unwrap();
    assert_eq!(guest.my_ban().await.unwrap().id, ban.id);
    guest.appeal("I was away").await.unwrap();
}

#[tokio::test]
async fn x6_who_is_let_back_reads_at_once_also_where_they_were_just_refused() {
    let mesh = Mesh::start().await;
    let moderator = moderator(&mesh, "mod").await;
    let guest = mesh.person("guest");
    let (id, event) = (guest.id().await, guest.create(party(None)).await.unwrap().id);
    moderator.ban(&id).await.unwrap();
    assert_eq!(reason(guest.get(&event).await), "USER_BANNED");
    moderator.unban(&id).await.unwrap();
    guest.get(&event).await.unwrap();

    guest.users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    while guest.get(&event).await.is_ok() {
        // For a second, as a read may (X6).
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(reason(guest.get(&event).await), "USER_DEACTIVATED");
    guest.users().reactivate_me(ReactivateMeRequest {}).await.unwrap();
    guest.get(&event).await.unwrap();
}
