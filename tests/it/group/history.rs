//! Joins and approvals against what takes their ground away at the same moment: in the end nobody is a member without an
//! RSVP (G2, G3, G9, M5). Those about RSVPs were seen to fail with the locks of `enter` taken out, and that of the approval
//! also where it does not enter who asked; a ban is caught a second time by the RSVP that it withdraws.

use std::{sync::Arc, time::Duration};

use crewup_tests::{
    Mesh,
    persona::{at_once, crew, party, private_crew},
    refusal::Refusal,
};
use futures_util::future::join_all;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tonic::Status;
use uuid::Uuid;

use super::{counted, ended_by, going};
use crate::event::react::tell;

const PEOPLE: usize = 32;
const ROUNDS: usize = 40;
/// Going, asking, joining four times, withdrawing and being approved.
const CALLS: usize = 8;
const _: () = assert!(PEOPLE * ROUNDS * CALLS >= 10_000);

/// Makes a call, again where the service has too much to do: it is stopped on purpose. None: refused for a reason of the race.
async fn raced<T, F>(call: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, Status>>,
{
    loop {
        let refusal = match call().await {
            Ok(done) => return Some(done),
            Err(status) => Refusal::of(&status),
        };
        match refusal.reason.as_str() {
            "OVERLOADED" => {}
            "NOT_ATTENDING" | "REQUEST_NOT_PENDING" => return None,
            _ => panic!("{refusal:?}"),
        }
    }
}

/// Fails if somebody is a member without an RSVP once every reaction was made.
async fn nobody_is_left(mesh: &Mesh) {
    let mut db = mesh.db.connect().await;
    mesh.settled().await;
    let without: Vec<String> = sqlx::query_scalar(
        "select m.user_id || ' in ' || m.group_id from group_members m join groups g on g.id = m.group_id
         where not exists (select from event_attendees a
                           where a.event_id = g.event_id and a.user_id = m.user_id and a.status = 'going')",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert!(without.is_empty(), "members without an RSVP: {without:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g2_g3_g9_after_ten_thousand_racing_calls_nobody_is_a_member_without_an_rsvp() {
    let mut mesh = Mesh::start().await;
    mesh.add(&crewup_group::SERVICE, &[]).await;
    let host = Arc::new(mesh.person("host"));
    let people = Arc::new(mesh.crowd(PEOPLE).await);
    // An event for each round: what is wrong after one is not mended by the next.
    let mut stages = Vec::new();
    for _ in 0..ROUNDS {
        let event = host.create(party(None)).await.unwrap().id;
        let open = host.form(crew(&event, 50)).await.unwrap().id;
        let private = host.form(private_crew(&event, 50)).await.unwrap().id;
        stages.push((event, open, private));
    }
    let stages = Arc::new(stages);
    let racing = at_once(&people, |at, people| {
        let (host, stages) = (Arc::clone(&host), Arc::clone(&stages));
        async move {
            let me = &people[at];
            for round in 0..ROUNDS {
                let (event, open, private) = &stages[(round + at) % ROUNDS];
                raced(|| me.go(event)).await.expect("the event takes everybody");
                let asked = raced(|| me.ask(private, "")).await.expect("who is going may ask");
                tokio::join!(
                    join_all((0..4).map(|_| raced(|| me.join(open)))),
                    raced(|| me.leave(event)),
                    raced(|| host.approve(&asked)),
                );
            }
        }
    });
    tokio::select! {
        _ = racing => {}
        () = stall(&mesh) => {}
    }
    nobody_is_left(&mesh).await;
    for (_, open, private) in stages.iter() {
        // Everybody withdrew in the end; the host is left.
        assert_eq!((counted(&mesh, open).await.0, counted(&mesh, private).await.0), (1, 1));
    }
}

/// Stops everybody who becomes a member between the look at the RSVP and the writing, a hundred times, until the crews have
/// reacted to every withdrawal that was committed; so that one that is missed is missed for good. Never ends.
async fn stall(mesh: &Mesh) {
    let (mut db, mut look) = (mesh.db.connect().await, mesh.db.connect().await);
    for _ in 0..100 {
        let mut stop = db.begin().await.unwrap();
        // Reading goes on; of the writers, only those who add members or ask to be one write here.
        stop.execute("lock table group_requests in exclusive mode").await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let left = "select count(*) from outbox_claims";
            if sqlx::query_scalar::<_, i64>(left).fetch_one(&mut look).await.unwrap() == 0 {
                break;
            }
        }
        stop.rollback().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    std::future::pending().await
}

/// What takes a membership's ground away, while somebody becomes a member and is stopped between the look at it and the
/// writing: the last moment at which it could be missed.
async fn lost_while(mesh: &Mesh, becomes_member: impl Future, loses_ground: impl Future) {
    let mut db = mesh.db.connect().await;
    let mut stop = db.begin().await.unwrap();
    // As in `stall`.
    stop.execute("lock table group_requests in exclusive mode").await.unwrap();
    let losing = async {
        let (mut look, mut told) = (mesh.db.connect().await, mesh.db.connect().await);
        until_waiting(&mut look, "relation").await;
        let releasing = async {
            // Either it waits for the person, or it is committed and the crews have reacted.
            let reacted = async {
                let sql = "select exists (select from outbox where topic = 'attendance.left')
                               and not exists (select from outbox_claims)";
                while !sqlx::query_scalar::<_, bool>(sql).fetch_one(&mut told).await.unwrap() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                () = until_waiting(&mut look, "advisory") => {}
                () = reacted => {}
            }
            stop.rollback().await.unwrap();
        };
        tokio::join!(loses_ground, releasing)
    };
    let both = async { tokio::join!(becomes_member, losing) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("neither waits for ever");
    nobody_is_left(mesh).await;
}

/// A ban as the moderation service makes it: it enters the person (X6).
async fn banned(mesh: &Mesh, user: &str) {
    let mut db = mesh.db.connect().await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("select from crewup.enter($1::uuid, '{}')").bind(user).execute(&mut *tx).await.unwrap();
    crate::people::ban(&mut tx, Uuid::now_v7(), user.parse().unwrap(), user.parse().unwrap()).await;
    tx.commit().await.unwrap();
    tell(mesh, user).await;
}

async fn until_waiting(db: &mut PgConnection, kind: &'static str) {
    let sql = "select exists (select from pg_locks where not granted and locktype = $1
                              and database = (select oid from pg_database where datname = current_database()))";
    while !sqlx::query_scalar::<_, bool>(sql).bind(kind).fetch_one(&mut *db).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn g2_g9_an_rsvp_withdrawn_while_its_person_joins_is_not_missed() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    let withdraws = raced(|| people[1].leave(&event));
    lost_while(&mesh, raced(|| people[1].join(&made)), withdraws).await;
    assert_eq!(counted(&mesh, &made).await.0, 1);
}

#[tokio::test]
async fn g3_g9_an_rsvp_withdrawn_while_its_person_is_approved_is_not_missed() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(private_crew(&event, 5)).await.unwrap().id;
    let asked = people[1].ask(&made, "").await.unwrap();
    let withdraws = raced(|| people[1].leave(&event));
    lost_while(&mesh, raced(|| people[0].approve(&asked)), withdraws).await;
    assert_eq!(counted(&mesh, &made).await.0, 1);
}

#[tokio::test]
async fn g3_m5_a_ban_while_its_person_is_approved_is_not_missed() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(private_crew(&event, 5)).await.unwrap().id;
    let asked = people[1].ask(&made, "").await.unwrap();
    let user = people[1].id().await;
    lost_while(&mesh, raced(|| people[0].approve(&asked)), banned(&mesh, &user)).await;
    assert_eq!(counted(&mesh, &made).await.0, 1);
    assert_eq!(ended_by(&mesh, &made, &user).await.as_deref(), Some("banned"));
}
