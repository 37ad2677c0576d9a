use chrono::Duration;
use crewup_proto::event::{AttendanceStatus, Event, ListAttendeesRequest, RemoveAttendeeRequest};
use crewup_tests::{
    Mesh,
    persona::{party, private_party},
    refusal::{reason, refused},
};

use super::{Count, counted, told};

#[tokio::test]
async fn e9_the_same_answer_again_takes_no_second_seat_and_leaving_frees_one() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(Some(3))).await.unwrap();
    for _ in 0..2 {
        assert_eq!(guest.go(&made.id).await.unwrap().status(), AttendanceStatus::Going);
    }
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 0, waiting: 0 });
    guest.answer(&made.id, AttendanceStatus::Interested).await.unwrap();
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 1, interested: 1, waiting: 0 });
    guest.leave(&made.id).await.unwrap();
    guest.leave(&made.id).await.unwrap();
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 1, interested: 0, waiting: 0 });
    assert_eq!(told(&mesh, "attendance.left", &made.id).await, 1, "G9: told once, of the one change from going");
}

#[tokio::test]
async fn e10_a_full_event_without_a_waitlist_refuses_and_interested_is_always_allowed() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    let made = host.create(Event { waitlist_enabled: Some(false), ..party(Some(2)) }).await.unwrap();
    guest.go(&made.id).await.unwrap();
    assert_eq!(reason(friend.go(&made.id).await), "EVENT_FULL");
    friend.answer(&made.id, AttendanceStatus::Interested).await.unwrap();
    friend.leave(&made.id).await.unwrap();
    guest.leave(&made.id).await.unwrap();
    friend.go(&made.id).await.unwrap();
}

#[tokio::test]
async fn e13_nothing_changes_after_the_end() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(None)).await.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::hours(7)).await;
    for status in [AttendanceStatus::Going, AttendanceStatus::Interested, AttendanceStatus::NotGoing] {
        assert_eq!(reason(guest.answer(&made.id, status).await), "EVENT_OVER");
    }
    assert_eq!(reason(host.leave(&made.id).await), "EVENT_OVER");
    assert_eq!(host.go(&made.id).await.unwrap().status(), AttendanceStatus::Going, "what is so already is no change");
}

#[tokio::test]
async fn x15_an_answer_must_be_one_of_the_enum() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    assert_eq!(refused(host.answer(&made.id, AttendanceStatus::Unspecified).await).fields, ["status"]);
}

#[tokio::test]
async fn u5_a_list_of_attendees_hides_blocked_people_in_both_directions_and_counts_do_not() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let made = people[0].create(party(None)).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
    }
    people[1].users().block_user(crewup_proto::user::BlockUserRequest { user_id: people[2].id().await }).await.unwrap();
    for (viewer, hidden) in [(1, 2), (2, 1)] {
        let request = ListAttendeesRequest { event_id: made.id.clone(), ..Default::default() };
        let seen = people[viewer].events().list_attendees(request).await.unwrap().into_inner().attendees;
        assert_eq!(seen.len(), 3);
        let hidden = people[hidden].id().await;
        assert!(seen.iter().all(|attendee| attendee.user_id != hidden));
        assert_eq!(people[viewer].get(&made.id).await.unwrap().going_count, 4, "E24");
    }
}

#[tokio::test]
async fn e20_the_host_removes_an_attendee_and_only_the_host() {
    let mesh = Mesh::start().await;
    let (host, guest, friend) = (mesh.person("host"), mesh.person("guest"), mesh.person("friend"));
    let made = host.create(party(Some(2))).await.unwrap();
    guest.go(&made.id).await.unwrap();
    friend.go(&made.id).await.unwrap();
    let remove = |person: &crewup_tests::Persona, user_id: String| {
        let request = RemoveAttendeeRequest { event_id: made.id.clone(), user_id };
        let mut events = person.events();
        async move { events.remove_attendee(request).await }
    };
    assert_eq!(reason(remove(&friend, guest.id().await).await), "NOT_OWNER");
    assert_eq!(reason(remove(&host, host.id().await).await), "SELF_NOT_ALLOWED");
    for _ in 0..2 {
        remove(&host, guest.id().await).await.unwrap();
    }
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 0, waiting: 0 }, "the waiter moved up");
    assert_eq!(friend.get(&made.id).await.unwrap().my_attendance.unwrap().status(), AttendanceStatus::Going);
}

#[tokio::test]
async fn e24_counts_are_the_same_for_everyone_who_sees_the_event() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let made = people[0].create(party(Some(3))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[2].answer(&made.id, AttendanceStatus::Interested).await.unwrap();
    for person in &people {
        let seen = person.get(&made.id).await.unwrap();
        assert_eq!((seen.going_count, seen.interested_count, seen.waiting_count, seen.free_seats), (2, 1, 0, Some(1)));
    }
}

#[tokio::test]
async fn e20_a_removed_person_who_was_interested_is_no_longer_counted() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(None)).await.unwrap();
    guest.answer(&made.id, AttendanceStatus::Interested).await.unwrap();
    let request = RemoveAttendeeRequest { event_id: made.id.clone(), user_id: guest.id().await };
    host.events().remove_attendee(request).await.unwrap();
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 1, interested: 0, waiting: 0 });
}

#[tokio::test]
async fn e13_e20_nobody_is_removed_after_the_end() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(private_party(None)).await.unwrap();
    guest.accept(&host.link(&made.id, None).await.unwrap()).await.unwrap();
    guest.go(&made.id).await.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::hours(7)).await;
    let request = RemoveAttendeeRequest { event_id: made.id.clone(), user_id: guest.id().await };
    assert_eq!(reason(host.events().remove_attendee(request).await), "EVENT_OVER");
    assert_eq!(guest.get(&made.id).await.unwrap().my_attendance.unwrap().status(), AttendanceStatus::Going);
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 0, waiting: 0 });
}
