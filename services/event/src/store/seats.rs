//! Seats, answers and the waitlist, all under the lock of the event's row in `event_seats`.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, UserId},
};
use sqlx::PgConnection;

use crate::model::{Change, Queue};

/// Writes the answers of several people, of which none concerns the waitlist. One statement: the counters first, the
/// attendees' rows from them. The other order costs multixacts, six times slower (E8).
#[tracing::instrument(skip_all)]
pub(crate) async fn answer(
    db: &mut PgConnection,
    event: EventId,
    changes: &[(UserId, Change)],
    now: DateTime<Utc>,
) -> Result<()> {
    let sum = |counter: fn(&Change) -> i32| changes.iter().map(|(_, change)| counter(change)).sum::<i32>();
    let answered = changes.iter().filter_map(|(user, change)| Some((user.0, change.status?.name().to_owned())));
    let (users, statuses): (Vec<_>, Vec<_>) = answered.unzip();
    sqlx::query!(
        "with seats as (
             update event_seats set going = going + $2, interested = interested + $3 where event_id = $1 returning event_id
         )
         insert into event_attendees (event_id, user_id, status, created_at, updated_at)
         select seats.event_id, n.user_id, n.status, $6, $6
         from seats, unnest($4::uuid[], $5::text[]) n (user_id, status)
         on conflict (event_id, user_id) do update set status = excluded.status",
        event.0,
        sum(|change| change.going),
        sum(|change| change.interested),
        &users,
        &statuses,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes what an answer leads to, and gives up to `freed` seats to the first in the waitlist (E12); answers whom. One
/// statement, in the same order as [`answer`].
///
/// Who joins the waitlist by the same statement is not among those whom it promotes: [`promote`] is for that.
#[tracing::instrument(skip_all)]
pub(crate) async fn apply(
    db: &mut PgConnection,
    event: EventId,
    user: UserId,
    change: &Change,
    freed: i64,
    now: DateTime<Utc>,
) -> Result<Vec<UserId>> {
    let promoted = sqlx::query_scalar!(
        r#"with first as (
             select w.user_id, a.status
             from event_waitlist w
             join api_users u on u.id = w.user_id and u.state = 'active'
             left join event_attendees a on a.event_id = w.event_id and a.user_id = w.user_id
             where w.event_id = $1 and w.user_id <> $2
             order by w.position_seq
             limit $10
         ), seats as (
             update event_seats
             set going = going + $3 + (select count(*) from first),
                 interested = interested + $4 - (select count(*) from first where status = 'interested'),
                 waiting = waiting + $5 - (select count(*) from first)
             where event_id = $1
             returning event_id
         ), gone as (
             delete from event_waitlist
             where event_id = $1 and (user_id in (select user_id from first) or $6 and user_id = $2)
         ), come as (
             insert into event_waitlist (event_id, user_id, created_at) select event_id, $2, $9 from seats where $7
         ), answers as (
             insert into event_attendees (event_id, user_id, status, created_at, updated_at)
             select seats.event_id, n.user_id, n.status, $9, $9
             from seats, (
                 select $2 as user_id, $8::varchar as status where $8 is not null
                 union all
                 select user_id, 'going' from first
             ) n
             on conflict (event_id, user_id) do update set status = excluded.status
         )
         select user_id as "user_id: UserId" from first"#,
        event.0,
        user.0,
        change.going,
        change.interested,
        change.waiting(),
        change.queue == Queue::Leave,
        change.queue == Queue::Join,
        change.status.map(|status| status.name()),
        now,
        freed,
    )
    .fetch_all(db)
    .await?;
    Ok(promoted)
}

/// Gives free seats to the first in the waitlist who may take one (E12), before the start of an event that takes
/// place. Answers whom.
///
/// Their locks are not taken: who is promoted is known only under the event's lock, after which no person's may be
/// taken (X6). It needs none. A ban or an erasure that commits meanwhile is followed by its reaction, which finds the
/// waiter's row in the waitlist, waits for this event's lock, and frees the seat again.
#[tracing::instrument(skip_all)]
pub(crate) async fn promote(db: &mut PgConnection, event: EventId, now: DateTime<Utc>) -> Result<Vec<UserId>> {
    let promoted = sqlx::query_scalar!(
        r#"with first as (
             select w.user_id, a.status
             from event_waitlist w
             join api_users u on u.id = w.user_id and u.state = 'active'
             left join event_attendees a on a.event_id = w.event_id and a.user_id = w.user_id
             where w.event_id = $1
               and exists (select from events e where e.id = $1 and e.event_start > $2 and not e.is_cancelled)
             order by w.position_seq
             limit (select case when s.capacity is not null then greatest(s.capacity - s.going, 0) end
                    from event_seats s where s.event_id = $1)
         ), seats as (
             update event_seats
             set going = going + (select count(*) from first),
                 waiting = waiting - (select count(*) from first),
                 interested = interested - (select count(*) from first where status = 'interested')
             where event_id = $1
             returning event_id
         ), served as (
             delete from event_waitlist where event_id = $1 and user_id in (select user_id from first)
         )
         insert into event_attendees (event_id, user_id, status, created_at, updated_at)
         select seats.event_id, first.user_id, 'going', $2, $2 from seats, first
         on conflict (event_id, user_id) do update set status = excluded.status
         returning user_id as "user_id: UserId""#,
        event.0,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(promoted)
}
