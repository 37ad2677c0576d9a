//! What is there and hidden, for [`super::hidden`]. Nothing here changes while the table is tried.

use std::collections::HashMap;

use crewup_proto::{
    event::{CreateInvitationRequest, DeleteEventRequest, Event, RevokeInvitationRequest},
    group,
    moderation::reported_object::Object,
    safety::TriggerAlertRequest,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, in_hours, party, private_crew, private_party, request_id},
};

use super::scene::{Cast, Scene};

/// The ids and secrets of what is hidden, by the words of the table.
pub(super) struct Secrets(HashMap<&'static str, String>);

impl Secrets {
    pub(super) async fn keep(mesh: &Mesh, cast: &Cast) -> Self {
        let mut all = HashMap::new();
        let scene = Scene::set(mesh, cast).await;
        let host = &cast.host;
        // A private event of the host, its crew, and what is in it. The admin is in; nobody else of the cast is.
        let tonight = Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(6)), ..private_party(None) };
        let event = host.create(tonight).await.unwrap().id;
        cast.admin.accept(&host.link(&event, None).await.unwrap()).await.unwrap();
        cast.admin.go(&event).await.unwrap();
        let owls = host.form(crew(&event, 10)).await.unwrap().id;
        cast.admin.join(&owls).await.unwrap();
        let closed = host.form(private_crew(&event, 10)).await.unwrap().id;
        all.insert("join-request", cast.admin.ask(&closed, "").await.unwrap());
        all.insert("message", host.say(&owls, "Nobody else reads this").await.unwrap().id);
        let link = crew_link(host, &owls).await;
        all.insert("crew-invitation", link.0);
        all.insert("hidden-crew-link", link.1);
        let (named, link) = (event_link(host, &event, Some(&cast.admin)).await, event_link(host, &event, None).await);
        all.insert("named-invitation", named.0);
        all.insert("invitation", link.0);
        all.insert("private-event", event);
        all.insert("private-crew", owls);
        // An event that its host deleted, and links that were taken back or used up.
        let deleted = host.create(party(None)).await.unwrap().id;
        host.events().delete_event(DeleteEventRequest { event_id: deleted.clone() }).await.unwrap();
        all.insert("deleted-event", deleted);
        let (id, token) = event_link(host, scene.private_event().await, None).await;
        host.events().revoke_invitation(RevokeInvitationRequest { invitation_id: id }).await.unwrap();
        all.insert("revoked-link", token);
        let used = host.link(scene.private_event().await, Some(1)).await.unwrap();
        cast.friend.accept(&used).await.unwrap();
        all.insert("used-link", used);
        let (id, token) = crew_link(&cast.admin, &scene.crew).await;
        let revoke = group::RevokeInvitationRequest { invitation_id: id };
        cast.admin.groups().revoke_invitation(revoke).await.unwrap();
        all.insert("revoked-crew-link", token);
        // In the open, and yet not everybody's: a crew's message, somebody's alert, request, report, ban and rating.
        all.insert("members-message", cast.friend.say(&scene.crew, "Members read this").await.unwrap().id);
        all.insert("crew-join-request", scene.join_request().await.into());
        let call = TriggerAlertRequest {
            group_ids: vec![scene.crew.clone()],
            excluded_user_ids: vec![cast.member.id().await],
            ..Default::default()
        };
        all.insert("alert", cast.friend.raise_as(call).await.unwrap().id);
        all.insert("report", cast.friend.report(Object::UserId(cast.victim.id().await)).await.unwrap().id);
        let (appeal, ban) = scene.appeal().await.clone();
        all.insert("appeal", appeal);
        all.insert("ban", ban);
        all.insert("rating", scene.rating().await.1.clone());
        // People who are hidden from the blocked one, from all, and from nobody.
        all.insert("blocker", cast.victim.id().await);
        all.insert("blocked", cast.blocked.id().await);
        all.insert("away", cast.deactivated.id().await);
        all.insert("banned", cast.banned.id().await);
        all.insert("erased", cast.erased.id().await);
        Self(all)
    }

    /// The name of what is hidden, and one of the same form that nothing has.
    pub(super) fn named(&self, object: &str) -> (String, String) {
        let hidden = self.0.get(object).unwrap_or_else(|| panic!("no {object}")).clone();
        let absent = if object.ends_with("link") { hidden.chars().rev().collect() } else { crate::user::absent() };
        (hidden, absent)
    }
}

/// A link to a private event, or an invitation of one person: its id and its secret.
async fn event_link(host: &Persona, event: &str, invitee: Option<&Persona>) -> (String, String) {
    let invitee_id = match invitee {
        Some(person) => person.id().await,
        None => String::new(),
    };
    let request =
        CreateInvitationRequest { event_id: event.into(), invitee_id, request_id: request_id(), ..Default::default() };
    let made = host.events().create_invitation(request).await.unwrap().into_inner();
    (made.invitation.unwrap().id, made.token)
}

/// A link into a crew: its id and its secret.
async fn crew_link(admin: &Persona, crew: &str) -> (String, String) {
    let request =
        group::CreateInvitationRequest { group_id: crew.into(), request_id: request_id(), ..Default::default() };
    let made = admin.groups().create_invitation(request).await.unwrap().into_inner();
    (made.invitation.unwrap().id, made.token)
}
