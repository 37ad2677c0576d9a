//! The event service, by its contract.

mod attendance;
mod cancel;
mod create;
mod lists;
mod nearest;
mod private;
mod races;
pub(crate) mod react;
mod search;
mod together;
mod update;
pub(crate) mod waitlist;

use crewup_tests::Mesh;

/// What the event service keeps of an event, beside what is really there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) going: i64,
    pub(crate) interested: i64,
    pub(crate) waiting: i64,
}

/// The counters of an event, checked against count(*) (E9).
pub(crate) async fn counted(mesh: &Mesh, event: &str) -> Count {
    let (going, interested, waiting, real_going, real_interested, real_waiting): (i32, i32, i32, i64, i64, i64) =
        sqlx::query_as(
            "select s.going, s.interested, s.waiting,
                    (select count(*) from event_attendees a where a.event_id = s.event_id and a.status = 'going'),
                    (select count(*) from event_attendees a where a.event_id = s.event_id and a.status = 'interested'),
                    (select count(*) from event_waitlist w where w.event_id = s.event_id)
             from event_seats s where s.event_id = $1::uuid",
        )
        .bind(event)
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    let kept = (i64::from(going), i64::from(interested), i64::from(waiting));
    assert_eq!(kept, (real_going, real_interested, real_waiting), "counters against count(*)");
    Count { going: real_going, interested: real_interested, waiting: real_waiting }
}

/// How often `topic` was told of `key`.
pub(crate) async fn told(mesh: &Mesh, topic: &str, key: &str) -> i64 {
    sqlx::query_scalar("select count(*) from outbox where topic = $1 and key = $2::uuid")
        .bind(topic)
        .bind(key)
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap()
}
