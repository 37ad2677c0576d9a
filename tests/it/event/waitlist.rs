use chrono::Duration;
use crewup_proto::event::{AttendanceStatus, Event};
use crewup_tests::{Mesh, persona::party, refusal::reason};
use uuid::Uuid;

use super::{Count, counted};
use crate::user::{deactivate, erase};

#[tokio::test]
async fn e11_the_waitlist_is_first_in_first_out_and_coming_back_goes_to_the_end() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(5).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    for (position, person) in people[2..].iter().enumerate() {
        assert_eq!(person.go(&made.id).await.unwrap().waitlist_position, Some(position as i32 + 1));
    }
    people[2].leave(&made.id).await.unwrap();
    assert_eq!(people[2].go(&made.id).await.unwrap().waitlist_position, Some(3));
    people[1].leave(&made.id).await.unwrap();
    let position = |at: usize| {
        let (person, id) = (&people[at], made.id.clone());
        async move { person.get(&id).await.unwrap().my_attendance.unwrap() }
    };
    assert_eq!(position(3).await.status(), AttendanceStatus::Going);
    assert_eq!(position(4).await.waitlist_position, Some(1));
    assert_eq!(position(2).await.waitlist_position, Some(2));
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 0, waiting: 2 });
}

#[tokio::test]
async fn e10_a_waiter_keeps_the_answer_held_before_and_interested_leaves_the_waitlist() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[2].answer(&made.id, AttendanceStatus::Interested).await.unwrap();
    let waiting = people[2].go(&made.id).await.unwrap();
    assert_eq!((waiting.status(), waiting.waitlist_position), (AttendanceStatus::Interested, Some(1)));
    assert_eq!(people[0].get(&made.id).await.unwrap().free_seats, Some(0));
    let out = people[2].answer(&made.id, AttendanceStatus::Interested).await.unwrap();
    assert_eq!((out.status(), out.waitlist_position), (AttendanceStatus::Interested, None));
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 1, waiting: 0 });
}

#[tokio::test]
async fn e12_a_freed_seat_goes_to_the_first_who_may_take_it() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(5).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
    }
    // The first waiter is banned, the reaction has not come yet.
    ban(&mesh, &people[2].id().await).await;
    people[1].leave(&made.id).await.unwrap();
    assert_eq!(people[3].get(&made.id).await.unwrap().my_attendance.unwrap().status(), AttendanceStatus::Going);
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 0, waiting: 2 });
}

#[tokio::test]
async fn e11_a_newcomer_behind_nobody_but_the_banned_gets_the_free_seat() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(4).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[2].go(&made.id).await.unwrap();
    ban(&mesh, &people[2].id().await).await;
    people[1].leave(&made.id).await.unwrap();
    let got = people[3].go(&made.id).await.unwrap();
    assert_eq!((got.status(), got.waitlist_position), (AttendanceStatus::Going, None));
}

#[tokio::test]
async fn e13_at_the_start_the_waitlist_is_void_and_free_seats_are_open_to_all() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[2].go(&made.id).await.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::minutes(1)).await;
    let seen = people[2].get(&made.id).await.unwrap();
    assert_eq!((seen.waiting_count, seen.my_attendance.unwrap().waitlist_position), (0, None));
    assert_eq!(reason(people[3].go(&made.id).await), "EVENT_FULL", "nobody waits for a running event");
    people[1].leave(&made.id).await.unwrap();
    assert_eq!(people[3].go(&made.id).await.unwrap().status(), AttendanceStatus::Going);
    assert_eq!(reason(people[2].go(&made.id).await), "EVENT_FULL");
}

#[tokio::test]
async fn e14_more_seats_promote_as_many_as_fit_and_fewer_than_going_are_refused() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(6).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
    }
    let resize = |most: Option<i32>| {
        let edit = Event { etag: String::new(), max_attendees: most, ..made.clone() };
        people[0].update(edit, &["max_attendees"])
    };
    let bigger = resize(Some(4)).await.unwrap();
    assert_eq!((bigger.going_count, bigger.waiting_count), (4, 2));
    assert_eq!(reason(resize(Some(3)).await), "CAPACITY_BELOW_GOING");
    let endless = resize(None).await.unwrap();
    assert_eq!((endless.going_count, endless.waiting_count, endless.free_seats), (6, 0, None));
    counted(&mesh, &made.id).await;
}

/// A ban without an end, as the moderation service will write it.
pub(crate) async fn ban(mesh: &Mesh, user: &str) {
    let user: Uuid = user.parse().unwrap();
    crate::people::ban(&mut mesh.db.connect_as("moderation").await, Uuid::now_v7(), user, user).await;
}

#[tokio::test]
async fn e12_a_waiter_who_cannot_be_promoted_holds_no_seat_back_when_the_waitlist_is_closed() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(4).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[2].go(&made.id).await.unwrap();
    ban(&mesh, &people[2].id().await).await;
    let closed = Event { etag: String::new(), waitlist_enabled: Some(false), ..made.clone() };
    people[0].update(closed, &["waitlist_enabled"]).await.unwrap();
    people[1].leave(&made.id).await.unwrap();
    assert_eq!(people[3].go(&made.id).await.unwrap().status(), AttendanceStatus::Going);
}

#[tokio::test]
async fn e12_a_promotion_passes_over_who_is_deactivated_or_erased() {
    // Their reactions do not come: they are in the waitlist still.
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(6).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
    }
    let gone = people[3].id().await;
    deactivate(&people[2]).await;
    erase(&people[3], &gone).await;
    let is_going = |at: usize| {
        let (person, id) = (&people[at], made.id.clone());
        async move { person.get(&id).await.unwrap().my_attendance.unwrap().status() == AttendanceStatus::Going }
    };
    people[1].leave(&made.id).await.unwrap();
    assert!(is_going(4).await && !is_going(5).await, "a freed seat");
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 2, interested: 0, waiting: 3 });
    let bigger = Event { etag: String::new(), max_attendees: Some(3), ..made.clone() };
    people[0].update(bigger, &["max_attendees"]).await.unwrap();
    assert!(is_going(5).await, "a seat more");
    assert_eq!(counted(&mesh, &made.id).await, Count { going: 3, interested: 0, waiting: 2 });
}
