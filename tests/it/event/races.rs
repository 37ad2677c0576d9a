//! Real concurrency on real PostgreSQL. Each of these was seen to fail with its protection taken out.

use std::sync::Arc;

use crewup_proto::event::{AttendanceStatus, CreateEventRequest, Event};
use crewup_tests::{
    Mesh, Persona,
    persona::{at_once, party, private_party, request_id},
    refusal::refused,
};

use super::counted;

const WRITERS: usize = 32;

/// Answers to one event at one replica share a transaction, so only replicas meet at the event's row.
const REPLICAS: usize = 8;

const ROUNDS: usize = 4;

/// `people`, each at one of the replicas.
async fn spread(mesh: &mut Mesh, people: Vec<Persona>) -> Arc<Vec<Persona>> {
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(mesh.add(&crewup_event::SERVICE, &[]).await);
    }
    let spread = people.iter().zip(replicas.iter().cycle()).map(|(person, addr)| person.at("event", *addr));
    Arc::new(spread.collect())
}

/// Services with more replicas of the event service, and who writes at them.
async fn replicated() -> (Mesh, Arc<Vec<Persona>>) {
    let mut mesh = Mesh::start().await;
    let people = mesh.crowd(WRITERS).await;
    let people = spread(&mut mesh, people).await;
    (mesh, people)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e8_capacity_holds_under_32_writers() {
    let (mesh, people) = replicated().await;
    let host = mesh.person("host");
    for round in 0..ROUNDS {
        let waitlist_enabled = Some(round % 2 == 0);
        let made = host.create(Event { waitlist_enabled, ..party(Some(11)) }).await.unwrap();
        let answers = at_once(&people, |at, people| {
            let id = made.id.clone();
            async move { people[at].go(&id).await }
        })
        .await;
        let seated = answers.iter().flatten().filter(|held| held.status() == AttendanceStatus::Going).count();
        let refused: Vec<_> = answers.into_iter().filter(Result::is_err).map(refused).collect();
        assert!(refused.iter().all(|refusal| refusal.reason == "EVENT_FULL"), "{refused:?}");
        assert_eq!(seated, 10, "round {round}");
        let count = counted(&mesh, &made.id).await;
        let waiting = if round % 2 == 0 { 22 } else { 0 };
        assert_eq!((count.going, count.waiting), (11, waiting));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e9_counters_are_right_after_32_people_change_their_minds_at_once() {
    let (mesh, people) = replicated().await;
    let host = mesh.person("host");
    for _ in 0..ROUNDS {
        let made = host.create(party(Some(12))).await.unwrap();
        at_once(&people, |at, people| {
            let id = made.id.clone();
            async move {
                for step in 0..6 {
                    let status = match (at + step) % 3 {
                        0 => AttendanceStatus::Going,
                        1 => AttendanceStatus::Interested,
                        _ => AttendanceStatus::NotGoing,
                    };
                    people[at].answer(&id, status).await.unwrap();
                }
            }
        })
        .await;
        let count = counted(&mesh, &made.id).await;
        assert!(count.going <= 12);
        assert!(count.waiting == 0 || count.going == 12, "nobody waits beside a free seat: {count:?}");
    }
}

/// Held by the person's lock (X6) and by the event's, each by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e9_the_same_answer_32_times_at_once_takes_one_seat() {
    let mut mesh = Mesh::start().await;
    let host = mesh.person("host");
    let same = (0..WRITERS).map(|_| mesh.person("guest")).collect();
    let same = spread(&mut mesh, same).await;
    for _ in 0..ROUNDS {
        let made = host.create(party(Some(40))).await.unwrap();
        at_once(&same, |at, people| {
            let id = made.id.clone();
            async move { people[at].go(&id).await.unwrap() }
        })
        .await;
        assert_eq!(counted(&mesh, &made.id).await.going, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e11_nobody_overtakes_a_waiter_while_seats_come_free() {
    let (mesh, people) = replicated().await;
    let host = mesh.person("host");
    let seats = 8;
    // More who wait than seats come free, as many, and fewer.
    for waiters in [12, seats, 4, 1] {
        let made = host.create(party(Some(9))).await.unwrap();
        let newcomers = seats + waiters;
        for person in &people[..newcomers] {
            person.go(&made.id).await.unwrap();
        }
        // Eight leave while newcomers ask: those who wait come first, in their order.
        at_once(&people, |at, people| {
            let id = made.id.clone();
            async move {
                if at < seats {
                    people[at].leave(&id).await.unwrap();
                } else if at >= newcomers {
                    people[at].go(&id).await.unwrap();
                }
            }
        })
        .await;
        for (at, person) in people[seats..newcomers].iter().enumerate() {
            let held = person.get(&made.id).await.unwrap().my_attendance.unwrap();
            assert_eq!(held.status() == AttendanceStatus::Going, at < seats, "waiter {at} of {waiters}: {held:?}");
        }
        let count = counted(&mesh, &made.id).await;
        assert_eq!((count.going, count.waiting), (9, 16), "of {waiters} who waited");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e14_capacity_changes_among_32_writers_never_oversell() {
    let (mesh, people) = replicated().await;
    let host = mesh.person("host");
    for _ in 0..ROUNDS {
        let made = host.create(party(Some(4))).await.unwrap();
        let edits = async {
            for most in [8, 5, 16, 9, 20, 12] {
                let edit = Event { etag: String::new(), max_attendees: Some(most), ..made.clone() };
                if let Err(status) = host.update(edit, &["max_attendees"]).await {
                    assert_eq!(refused::<()>(Err(status)).reason, "CAPACITY_BELOW_GOING");
                }
            }
        };
        let answers = at_once(&people, |at, people| {
            let id = made.id.clone();
            async move {
                people[at].go(&id).await.unwrap();
                if at % 3 == 0 {
                    people[at].leave(&id).await.unwrap();
                }
            }
        });
        tokio::join!(edits, answers);
        let count = counted(&mesh, &made.id).await;
        let now = host.get(&made.id).await.unwrap();
        let most = i64::from(now.max_attendees.unwrap());
        assert!(count.going <= most && (count.waiting == 0 || count.going == most), "{count:?} of {most}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e20_a_link_for_seven_lets_exactly_seven_of_32_in() {
    let mesh = Mesh::racing().await;
    let host = mesh.person("host");
    let people = Arc::new(mesh.crowd(WRITERS).await);
    for _ in 0..3 {
        let made = host.create(private_party(None)).await.unwrap();
        let link = host.link(&made.id, Some(7)).await.unwrap();
        let answers = at_once(&people, |at, people| {
            let link = link.clone();
            async move { people[at].accept(&link).await }
        })
        .await;
        let refused: Vec<_> = answers.into_iter().filter(Result::is_err).map(refused).collect();
        assert_eq!(refused.len(), WRITERS - 7);
        assert!(refused.iter().all(|refusal| refusal.reason == "INVITATION_NOT_FOUND"), "{refused:?}");
        let (uses, access): (i32, i64) =
            sqlx::query_as("select i.uses, (select count(*) from event_access a where a.invitation_id = i.id) from event_invitations i where i.event_id = $1::uuid")
                .bind(&made.id)
                .fetch_one(&mut mesh.db.connect().await)
                .await
                .unwrap();
        assert_eq!((uses, access), (7, 7));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x1_32_twins_of_a_create_make_one_event() {
    let mesh = Mesh::racing().await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("host")).collect::<Vec<_>>());
    for _ in 0..3 {
        let request = CreateEventRequest { event: Some(party(Some(3))), request_id: request_id() };
        let mut made = at_once(&same, |at, people| {
            let request = request.clone();
            async move { people[at].events().create_event(request).await.unwrap().into_inner().event.unwrap().id }
        })
        .await;
        made.dedup();
        assert_eq!(made.len(), 1);
    }
    let events: i64 =
        sqlx::query_scalar("select count(*) from events").fetch_one(&mut mesh.db.connect().await).await.unwrap();
    assert_eq!(events, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x6_no_write_that_starts_after_a_ban_was_committed_succeeds() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let host = mesh.person("host");
    let people = Arc::new(mesh.crowd(WRITERS).await);
    let made = host.create(party(None)).await.unwrap();
    let mut ids = Vec::new();
    for person in people.iter() {
        ids.push(person.id().await);
    }
    let db = Arc::new(mesh);
    at_once(&people, |at, people| {
        let (event, user, mesh) = (made.id.clone(), ids[at].clone(), Arc::clone(&db));
        async move {
            let person = &people[at];
            let racing = async {
                for status in [AttendanceStatus::Going, AttendanceStatus::NotGoing].into_iter().cycle().take(10) {
                    let _ = person.answer(&event, status).await;
                }
            };
            let banned = async {
                super::waitlist::ban(&mesh, &user).await;
                for status in [AttendanceStatus::Going, AttendanceStatus::NotGoing] {
                    assert_eq!(refused(person.answer(&event, status).await).reason, "USER_BANNED");
                }
            };
            tokio::join!(racing, banned);
        }
    })
    .await;
    counted(&db, &made.id).await;
}
