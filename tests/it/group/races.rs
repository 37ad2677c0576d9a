//! Real concurrency on real PostgreSQL. Each of these was seen to fail with its protection taken out.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crewup_proto::group::{list_messages_request::Position, *};
use crewup_tests::{
    Mesh, Persona,
    persona::{at_once, crew, party, private_crew, request_id},
    refusal::refused,
};
use sqlx::Connection as _;
use tonic::Status;

use super::{counted, going};
use crate::{serving::Activity, user::ids};

const WRITERS: usize = 32;

/// How many succeeded; the reasons of the others must all be `expected`.
fn successes<T: std::fmt::Debug>(answers: Vec<Result<T, Status>>, expected: &str) -> usize {
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let others: Vec<_> = bad.into_iter().map(refused).filter(|refusal| refusal.reason != expected).collect();
    assert!(others.is_empty(), "{others:?}");
    good.len()
}

/// How many members a crew has at this moment.
async fn members(mesh: &Mesh, crew: &str) -> i64 {
    sqlx::query_scalar("select count(*) from group_members where group_id = $1::uuid")
        .bind(crew)
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap()
}

/// A host, and 32 people who are going to the host's event.
async fn stage(mesh: &Mesh) -> (Persona, Arc<Vec<Persona>>, String) {
    let (mut people, event) = going(mesh, WRITERS + 1).await;
    let host = people.remove(0);
    (host, Arc::new(people), event)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g2_g12_capacity_holds_under_32_writers() {
    let mesh = Mesh::racing().await;
    let (host, people, event) = stage(&mesh).await;
    for round in 0..4 {
        let made = host.form(crew(&event, 11)).await.unwrap().id;
        let link = host.crew_link(&made, None).await.unwrap();
        let answers = at_once(&people, |at, people| {
            let (made, link) = (made.clone(), link.clone());
            async move { if at % 2 == 0 { people[at].join(&made).await } else { people[at].follow(&link).await } }
        })
        .await;
        assert_eq!(successes(answers, "GROUP_FULL"), 10, "round {round}");
        assert_eq!(counted(&mesh, &made).await, (11, 11));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g12_the_same_person_32_times_at_once_takes_one_place() {
    let mesh = Mesh::racing().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 11)).await.unwrap().id;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("person-1")).collect::<Vec<_>>());
    at_once(&same, |at, people| {
        let made = made.clone();
        async move { people[at].join(&made).await.unwrap() }
    })
    .await;
    assert_eq!(counted(&mesh, &made).await, (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g3_32_admins_approve_at_once_and_one_takes_the_last_place() {
    let mesh = Mesh::racing().await;
    let (host, people, event) = stage(&mesh).await;
    let askers = (0..WRITERS).map(|at| mesh.person(&format!("asker-{at}"))).collect::<Vec<_>>();
    for asker in &askers {
        asker.go(&event).await.unwrap();
    }
    let made = host.form(private_crew(&event, 34)).await.unwrap().id;
    let link = host.crew_link(&made, None).await.unwrap();
    for (person, id) in people.iter().zip(ids(&people).await) {
        person.follow(&link).await.unwrap();
        host.set_role(&made, &id, MemberRole::Admin).await.unwrap();
    }
    for round in 0..3 {
        let mut asked = Vec::new();
        for asker in &askers {
            asked.push(asker.ask(&made, "").await.unwrap());
        }
        let answers = at_once(&people, |at, people| {
            let request = asked[at].clone();
            async move { people[at].approve(&request).await }
        })
        .await;
        let winner = answers.iter().position(Result::is_ok).expect("one is let in");
        assert_eq!(successes(answers, "GROUP_FULL"), 1, "round {round}");
        assert_eq!(counted(&mesh, &made).await.0, 34);
        askers[winner].quit(&made).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g3_a_link_for_seven_lets_exactly_seven_of_32_in() {
    let mesh = Mesh::racing().await;
    let (host, people, event) = stage(&mesh).await;
    for _ in 0..3 {
        let made = host.form(private_crew(&event, 40)).await.unwrap().id;
        let link = host.crew_link(&made, Some(7)).await.unwrap();
        let answers = at_once(&people, |at, people| {
            let link = link.clone();
            async move { people[at].follow(&link).await }
        })
        .await;
        assert_eq!(successes(answers, "INVITATION_NOT_FOUND"), 7);
        let (uses, used): (i32, i64) = sqlx::query_as(
            "select i.uses, (select count(*) from group_invitation_uses u where u.invitation_id = i.id)
             from group_invitations i where i.group_id = $1::uuid",
        )
        .bind(&made)
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
        assert_eq!((uses, used), (7, 7));
        assert_eq!(counted(&mesh, &made).await.0, 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g6_two_admins_who_leave_at_once_leave_an_admin() {
    let mesh = Mesh::racing().await;
    let (people, event) = going(&mesh, 3).await;
    let ids = ids(&people).await;
    let people = Arc::new(people);
    for round in 0..12 {
        let made = people[0].form(crew(&event, 5)).await.unwrap().id;
        for person in &people[1..] {
            person.join(&made).await.unwrap();
        }
        people[0].set_role(&made, &ids[1], MemberRole::Admin).await.unwrap();
        at_once(&people, |at, people| {
            let made = made.clone();
            async move {
                if at < 2 {
                    people[at].quit(&made).await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(counted(&mesh, &made).await.0, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g6_32_members_who_leave_at_once_archive_the_crew_once() {
    let mesh = Mesh::racing().await;
    let (host, people, event) = stage(&mesh).await;
    for _ in 0..3 {
        let made = host.form(crew(&event, 50)).await.unwrap().id;
        for person in people.iter() {
            person.join(&made).await.unwrap();
        }
        host.quit(&made).await.unwrap();
        at_once(&people, |at, people| {
            let made = made.clone();
            async move { people[at].quit(&made).await.unwrap() }
        })
        .await;
        let (members, last) = counted(&mesh, &made).await;
        assert_eq!(members, 0);
        assert!((66..=98).contains(&last), "33 joined and left, at most 32 were promoted: {last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g8_of_two_admins_who_remove_each_other_at_once_one_remains() {
    let mesh = Mesh::racing().await;
    let (people, event) = going(&mesh, WRITERS).await;
    let ids = ids(&people).await;
    let people = Arc::new(people);
    for round in 0..4 {
        // Sixteen crews of two.
        let mut crews = Vec::new();
        for at in (0..WRITERS).step_by(2) {
            let made = people[at].form(crew(&event, 2)).await.unwrap().id;
            people[at + 1].join(&made).await.unwrap();
            people[at].set_role(&made, &ids[at + 1], MemberRole::Admin).await.unwrap();
            crews.push(made);
        }
        let answers = at_once(&people, |at, people| {
            let (made, other) = (crews[at / 2].clone(), ids[at ^ 1].clone());
            async move { people[at].remove(&made, &other, false).await }
        })
        .await;
        assert_eq!(successes(answers, "NOT_CREW_ADMIN"), crews.len(), "round {round}");
        for made in &crews {
            assert_eq!(counted(&mesh, made).await.0, 1, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c2_the_timeline_has_no_gap_and_a_reader_misses_nothing_under_32_writers() {
    let mesh = Mesh::racing().await;
    let (host, people, event) = stage(&mesh).await;
    let made = host.form(crew(&event, 50)).await.unwrap().id;
    for person in &people[..16] {
        person.join(&made).await.unwrap();
    }
    let done = AtomicBool::new(false);
    let writing = async {
        at_once(&people, |at, people| {
            let made = made.clone();
            async move {
                for number in 0..8 {
                    if at >= 16 {
                        people[at].join(&made).await.unwrap();
                        people[at].quit(&made).await.unwrap();
                        continue;
                    }
                    let sent = people[at].say(&made, &format!("{number}")).await.unwrap().id;
                    match number % 3 {
                        0 => drop(people[at].reword(&sent, "again").await.unwrap()),
                        1 => drop(people[at].retract(&sent).await.unwrap()),
                        _ => {}
                    }
                }
            }
        })
        .await;
        done.store(true, Ordering::SeqCst);
    };
    let reading = async {
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let last_look = done.load(Ordering::SeqCst);
            let read = host.read(&made, Some(Position::AfterSequence(cursor)), 100).await.unwrap();
            seen.extend(read.entries.iter().map(|entry| entry.sequence));
            cursor = match read.has_more {
                true => read.entries.last().unwrap().sequence,
                false => read.last_sequence,
            };
            if last_look && !read.has_more {
                return seen;
            }
        }
    };
    let ((), seen) = tokio::join!(writing, reading);
    // 17 joined; 16 people sent 8, of which each edited 3 and deleted 3; 16 joined and left 8 times.
    let entries = 17 + 16 * (8 + 3 + 3) + 16 * 8 * 2;
    assert_eq!(counted(&mesh, &made).await, (17, entries));
    let shown: i64 = entries - 16 * 6;
    assert!(seen.is_sorted() && seen.len() as i64 == shown, "{} of {shown}", seen.len());
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len() as i64, shown, "none twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c3_32_twins_of_a_message_make_one() {
    let mesh = Mesh::racing().await;
    let (people, event) = going(&mesh, 1).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("person-0")).collect::<Vec<_>>());
    for round in 1..=3 {
        let request = SendMessageRequest { group_id: made.clone(), content: "Hi".into(), request_id: request_id() };
        let mut sent = at_once(&same, |at, people| {
            let request = request.clone();
            async move { people[at].groups().send_message(request).await.unwrap().into_inner().message.unwrap() }
        })
        .await;
        sent.dedup();
        assert_eq!(sent.len(), 1);
        assert_eq!(counted(&mesh, &made).await.1, 1 + round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c13_of_32_messages_at_once_by_one_sender_20_are_sent() {
    let mesh = Mesh::racing().await;
    let (people, event) = going(&mesh, 1).await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("person-0")).collect::<Vec<_>>());
    for _ in 0..3 {
        let made = people[0].form(crew(&event, 5)).await.unwrap().id;
        let answers = at_once(&same, |at, people| {
            let made = made.clone();
            async move { people[at].say(&made, "Hi").await }
        })
        .await;
        assert_eq!(successes(answers, "RATE_LIMITED"), 20);
        assert_eq!(counted(&mesh, &made).await.1, 21);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e16_nobody_becomes_a_member_after_the_cancellation_was_answered() {
    let mesh = Arc::new(Mesh::racing().await);
    let people = Arc::new(mesh.crowd(WRITERS).await);
    let host = mesh.person("host");
    for round in 0..6 {
        let event = host.create(party(None)).await.unwrap().id;
        let made = host.form(crew(&event, 50)).await.unwrap().id;
        for person in people.iter() {
            person.go(&event).await.unwrap();
        }
        let joining = at_once(&people, |at, people| {
            let made = made.clone();
            async move { people[at].join(&made).await }
        });
        let cancelling = async {
            while members(&mesh, &made).await < 4 {
                tokio::task::yield_now().await;
            }
            host.cancel(&event).await.unwrap();
            members(&mesh, &made).await
        };
        let (answers, then) = tokio::join!(joining, cancelling);
        let joined = successes(answers, "EVENT_CANCELLED") as i64;
        assert_eq!((1 + joined, counted(&mesh, &made).await.0), (then, then), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_c15_a_message_that_waits_while_the_crew_is_archived_is_refused() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let (host, member) = (&people[0], &people[1]);
    let made = host.form(crew(&event, 5)).await.unwrap().id;
    member.join(&made).await.unwrap();
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from group_seats for update").execute(&mut *lock).await.unwrap();
    let (mut first, mut both) = (Activity::of(&mesh).await, Activity::of(&mesh).await);
    // Each waits for the crew's row, the end of the crew first.
    let ends = host.disband(&made);
    let says = async {
        first.waiting_for_locks(1).await;
        member.say(&made, "anybody?").await
    };
    let release = async {
        both.waiting_for_locks(2).await;
        lock.rollback().await.unwrap();
    };
    let (ended, said, ()) = tokio::join!(ends, says, release);
    ended.unwrap();
    assert_eq!(refused(said).reason, "NOT_MEMBER");
    assert_eq!(counted(&mesh, &made).await, (0, 2), "nothing was written");
}
