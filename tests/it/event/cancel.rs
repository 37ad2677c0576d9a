use chrono::Duration;
use crewup_proto::event::{AttendanceStatus, DeleteEventRequest, Event, EventAction, EventState};
use crewup_tests::{
    Mesh, Persona,
    persona::{party, private_party},
    refusal::reason,
};

use super::{counted, told};

async fn delete(person: &Persona, event: &str) -> Result<(), tonic::Status> {
    person.events().delete_event(DeleteEventRequest { event_id: event.into() }).await.map(drop)
}

#[tokio::test]
async fn e16_cancelling_twice_is_ok_and_told_once() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(Some(2))).await.unwrap();
    let cancelled = host.cancel(&made.id).await.unwrap();
    assert_eq!(cancelled.state(), EventState::Cancelled);
    assert_eq!(host.cancel(&made.id).await.unwrap(), cancelled);
    assert_eq!(told(&mesh, "event.changed", &made.id).await, 1);
}

#[tokio::test]
async fn e16_a_cancelled_event_takes_no_answer_or_edit_but_lets_people_leave() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    let made = host.create(party(Some(2))).await.unwrap();
    guest.go(&made.id).await.unwrap();
    assert_eq!(friend.go(&made.id).await.unwrap().waitlist_position, Some(1));
    host.cancel(&made.id).await.unwrap();
    assert_eq!(counted(&mesh, &made.id).await.waiting, 0, "the waitlist is void");
    assert_eq!(reason(friend.go(&made.id).await), "EVENT_CANCELLED");
    assert_eq!(reason(friend.answer(&made.id, AttendanceStatus::Interested).await), "EVENT_CANCELLED");
    assert_eq!(reason(host.update(made.clone(), &["name"]).await), "EVENT_CANCELLED");
    guest.leave(&made.id).await.unwrap();
    assert_eq!(counted(&mesh, &made.id).await.going, 1);
    assert_eq!(told(&mesh, "attendance.left", &made.id).await, 0, "leaving a cancelled event keeps the crews");
}

#[tokio::test]
async fn e16_only_the_creator_or_a_moderator_cancels_and_a_moderator_also_a_private_event() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let public = host.create(party(None)).await.unwrap();
    let private = host.create(private_party(None)).await.unwrap();
    assert_eq!(reason(mesh.person("guest").cancel(&public.id).await), "NOT_OWNER");
    assert_eq!(reason(mesh.person("guest").cancel(&private.id).await), "NOT_FOUND");
    let may = |event: &Event| event.allowed_actions.contains(&i32::from(EventAction::Cancel));
    assert!(may(&mesh.person("mod").get(&public.id).await.unwrap()), "and is told so");
    assert!(!may(&mesh.person("guest").get(&public.id).await.unwrap()));
    mesh.person("mod").cancel(&public.id).await.unwrap();
    mesh.person("mod").cancel(&private.id).await.unwrap();
}

#[tokio::test]
async fn e16_an_event_is_deleted_only_while_nobody_else_ever_joined() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let lonely = host.create(party(None)).await.unwrap();
    assert_eq!(reason(delete(&guest, &lonely.id).await), "NOT_OWNER");
    delete(&host, &lonely.id).await.unwrap();
    assert_eq!(reason(host.get(&lonely.id).await), "NOT_FOUND");
    assert_eq!(reason(delete(&host, &lonely.id).await), "NOT_FOUND");

    let visited = host.create(party(None)).await.unwrap();
    guest.go(&visited.id).await.unwrap();
    guest.leave(&visited.id).await.unwrap();
    assert_eq!(reason(delete(&host, &visited.id).await), "EVENT_HAS_HISTORY");
}

#[tokio::test]
async fn e16_a_public_event_that_became_private_can_still_be_deleted_while_nobody_joined() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(Some(5))).await.unwrap();
    host.update(Event { is_public: Some(false), ..made.clone() }, &["is_public"]).await.unwrap();
    delete(&host, &made.id).await.unwrap();
}

#[tokio::test]
async fn e5_e16_a_running_event_can_be_cancelled_and_one_that_is_over_by_nobody() {
    let mesh = Mesh::start().await;
    let (host, guest, moderator) = (mesh.person("host"), mesh.person("guest"), mesh.person("mod"));
    let running = host.create(party(None)).await.unwrap();
    let over = host.create(party(None)).await.unwrap();
    guest.go(&running.id).await.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::minutes(1)).await;
    assert_eq!(host.cancel(&running.id).await.unwrap().state(), EventState::Cancelled);
    assert_eq!(told(&mesh, "event.changed", &running.id).await, 1, "E7");
    guest.leave(&running.id).await.unwrap();
    mesh.db.advance(Duration::hours(6)).await;
    for person in [&host, &moderator] {
        assert_eq!(reason(person.cancel(&over.id).await), "EVENT_OVER");
        person.cancel(&running.id).await.expect("what is so already is no change");
    }
    assert_eq!(host.get(&over.id).await.unwrap().state(), EventState::Scheduled);
    assert_eq!(told(&mesh, "event.changed", &over.id).await, 0);
}
