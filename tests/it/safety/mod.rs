//! The safety service, by its contract.

mod answers;
mod escalation;
mod killed;
mod lists;
mod overload;
mod races;
mod raise;

use crewup_proto::{
    event::Event,
    group::{CreateGroupRequest, Group, JoinGroupRequest},
    safety::Alert,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{in_hours, party, request_id},
};

/// An event that begins in an hour, so that its window is open, made by the first of `people`; all are going.
pub(crate) async fn tonight(people: &[&Persona]) -> Event {
    let soon = Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(6)), ..party(None) };
    let event = people[0].create(soon).await.unwrap();
    for person in &people[1..] {
        person.go(&event.id).await.unwrap();
    }
    event
}

/// A crew of `people`, led by the first.
pub(crate) async fn crew(event: &Event, name: &str, people: &[&Persona]) -> String {
    let group = Group { event_id: event.id.clone(), name: name.into(), ..Default::default() };
    let request = CreateGroupRequest { group: Some(group), request_id: request_id() };
    let made = people[0].groups().create_group(request).await.unwrap().into_inner().group.unwrap().id;
    for person in &people[1..] {
        let request = JoinGroupRequest { group_id: made.clone(), ..Default::default() };
        person.groups().join_group(request).await.unwrap();
    }
    made
}

/// Whom an alert reaches, by their ids, in the order in which they are shown.
pub(crate) fn reached(alert: &Alert) -> Vec<String> {
    alert.recipients.iter().map(|recipient| recipient.person.clone().unwrap().user_id).collect()
}

/// The ids of people, sorted.
pub(crate) async fn ids(people: &[&Persona]) -> Vec<String> {
    let mut ids = Vec::new();
    for person in people {
        ids.push(person.id().await);
    }
    ids.sort();
    ids
}

/// The same, sorted.
pub(crate) fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// A mesh, a host with an event tonight, and a crew of the host and two guests.
pub(crate) async fn night_out() -> (Mesh, [Persona; 3], Event, String) {
    night_out_of(Mesh::start().await).await
}

/// As [`night_out`], on `mesh`.
pub(crate) async fn night_out_of(mesh: Mesh) -> (Mesh, [Persona; 3], Event, String) {
    let people = [mesh.person("host"), mesh.person("guest"), mesh.person("friend")];
    let [host, guest, friend] = &people;
    let event = tonight(&[host, guest, friend]).await;
    let group = crew(&event, "Night owls", &[host, guest, friend]).await;
    (mesh, people, event, group)
}
