//! Messages and read marks. A message is its own entry of the timeline; what is written takes its number from the crew's
//! row of counters (C2).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, MessageId, UserId},
};
use sqlx::PgConnection;

use crate::model::{Chat, Deleter, Message, NewMessage, RATE_COUNT, RATE_SECONDS, Sender};

/// Looks whether people, who are entered, may each send to a crew, in their order, and holds those crews that nobody else holds.
/// None: the sender is no member, or sees no such crew.
///
/// The membership is not held: nobody but the sender can end it, unless the crew is archived, of which [`write`] takes notice.
/// An archived crew has no members (G10).
#[tracing::instrument(skip_all)]
pub(crate) async fn look(
    db: &mut PgConnection,
    asked: &[(UserId, GroupId)],
    now: DateTime<Utc>,
) -> Result<Vec<Option<Sender>>> {
    let (senders, crews): (Vec<_>, Vec<_>) = asked.iter().map(|(sender, crew)| (sender.0, crew.0)).unzip();
    let rows = sqlx::query!(
        r#"select a.at as "at!", e.effective_end as "effective_end!", e.cancelled_at as event_cancelled_at,
                  crewup.now() as "now!", u.first_name as "first_name!", u.last_name as "last_name!", full_until.free_at,
                  held.group_id is not null as "is_held!"
           from unnest($1::uuid[], $2::uuid[]) with ordinality as a (sender, crew, at)
           join groups g on g.id = a.crew
           join group_members m on m.group_id = a.crew and m.user_id = a.sender
           join lateral crewup.api_events_seen_by(a.sender, false) e on e.id = g.event_id
           join api_users u on u.id = a.sender
           left join lateral (
               select min(l.sent_at) + make_interval(secs => $5) as free_at
               from (
                   select s.sent_at from messages s
                   where s.sender_id = a.sender and s.group_id = a.crew
                   order by s.sequence desc
                   limit $4
               ) l
               where l.sent_at > $3::timestamptz - make_interval(secs => $5)
               having count(*) >= $4
           ) full_until on true
           left join lateral (
               select c.group_id from group_seats c
               where c.group_id = a.crew and c.members > 0
               for no key update skip locked
           ) held on true"#,
        &senders,
        &crews,
        now,
        RATE_COUNT,
        f64::from(RATE_SECONDS),
    )
    .fetch_all(db)
    .await?;
    let mut found: Vec<_> = asked.iter().map(|_| None).collect();
    for row in rows {
        let Some(place) = usize::try_from(row.at - 1).ok().and_then(|at| found.get_mut(at)) else { continue };
        *place = Some(Sender {
            chat: Chat { effective_end: row.effective_end, event_cancelled_at: row.event_cancelled_at, now: row.now },
            first_name: row.first_name,
            last_name: row.last_name,
            free_at: row.free_at,
            is_held: row.is_held,
        });
    }
    Ok(found)
}

/// Writes messages, those to one crew in their order, and answers their numbers, by id: each is given by the crew's row of
/// counters, which is locked by that. A crew that was archived meanwhile takes no message.
#[tracing::instrument(skip_all)]
pub(crate) async fn write(
    db: &mut PgConnection,
    messages: &[&NewMessage],
    now: DateTime<Utc>,
) -> Result<HashMap<MessageId, i64>> {
    let ids: Vec<_> = messages.iter().map(|new| new.id.0).collect();
    let crews: Vec<_> = messages.iter().map(|new| new.group_id.0).collect();
    let senders: Vec<_> = messages.iter().map(|new| new.sender_id.0).collect();
    let contents: Vec<&str> = messages.iter().map(|new| new.content.as_str()).collect();
    let rows = sqlx::query!(
        r#"with new as (
             select id, crew, sender, content, row_number() over (partition by crew order by at) as nth
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) with ordinality
                 as d (id, crew, sender, content, at)
         ), wanted as (
             select crew, count(*) as messages from new group by crew
         ), seats as (
             update group_seats s set last_sequence = s.last_sequence + w.messages
             from wanted w
             where s.group_id = w.crew and s.members > 0
             returning s.group_id, s.last_sequence - w.messages as before
         )
         insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
         select d.id, d.crew, d.sender, d.content, s.before + d.nth, $5, $5
         from new d
         join seats s on s.group_id = d.crew
         returning id as "id: MessageId", sequence"#,
        &ids,
        &crews,
        &senders,
        &contents as &[&str],
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.sequence)).collect())
}

/// One message, whoever may see it: that is for the caller to look at.
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: MessageId) -> Result<Option<Message>> {
    let row = sqlx::query_as!(
        Message,
        r#"select m.id as "id: MessageId", m.group_id as "group_id: GroupId", m.sequence,
                  m.sender_id as "sender_id: UserId", u.first_name as "first_name!", u.last_name as "last_name!", m.content,
                  m.is_edited, m.sent_at, m.edited_at, m.deleted_at, m.deleted_as
           from messages m
           join api_users u on u.id = m.sender_id
           where m.id = $1"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Gives a message another content, and the timeline an entry of it (C8). The crew is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn update(db: &mut PgConnection, message: &Message, content: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with seats as (
             update group_seats set last_sequence = last_sequence + 1 where group_id = $2 returning last_sequence
         ), edited as (
             update messages set content = $3, is_edited = true, edited_at = $4 where id = $1
         )
         insert into timeline (group_id, sequence, kind, message_id, created_at)
         select $2, last_sequence, 'message_edited', $1, $4 from seats",
        message.id.0,
        message.group_id.0,
        content,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Leaves a tombstone of a message: its content is overwritten (C9). The crew is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn delete(
    db: &mut PgConnection,
    message: &Message,
    by: UserId,
    deleter: Deleter,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with seats as (
             update group_seats set last_sequence = last_sequence + 1 where group_id = $2 returning last_sequence
         ), deleted as (
             update messages set content = '', deleted_at = $5, deleted_by = $3, deleted_as = $4 where id = $1
         )
         insert into timeline (group_id, sequence, kind, message_id, created_at)
         select $2, last_sequence, 'message_deleted', $1, $5 from seats",
        message.id.0,
        message.group_id.0,
        by.0,
        deleter.name(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves a member's marker forward to `sequence`, never back (C10). Answers where it is, and how much is unread after it.
#[tracing::instrument(skip_all)]
pub(crate) async fn mark_read(
    db: &mut PgConnection,
    crew: GroupId,
    reader: UserId,
    sequence: i64,
    now: DateTime<Utc>,
) -> Result<(i64, i32)> {
    let row = sqlx::query!(
        r#"with mark as (
             insert into read_marks (group_id, user_id, sequence, updated_at) values ($1, $2, $3, $4)
             on conflict (group_id, user_id) do update
             set sequence = greatest(read_marks.sequence, excluded.sequence), updated_at = excluded.updated_at
             returning sequence
         )
         select k.sequence,
                (select count(*)::integer from messages m
                 where m.group_id = $1 and m.sequence > k.sequence and m.sender_id <> $2 and m.deleted_at is null)
                    as "unread!"
         from mark k"#,
        crew.0,
        reader.0,
        sequence,
        now,
    )
    .fetch_one(db)
    .await?;
    Ok((row.sequence, row.unread))
}
