//! Messages and read marks. A message is its own entry of the timeline; what is written takes its number from the crew's
//! row of counters (C2).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, MessageId, UserId},
};
use sqlx::PgConnection;

use crate::model::{Chat, Deleter, Message, RATE_COUNT, RATE_SECONDS};

/// What became of a message that was sent, as far as the database decides.
pub(crate) enum Sent {
    /// It is in the timeline.
    Stored(Message),
    /// The crew was archived meanwhile.
    Archived,
    /// The sender sent too many; at this time the oldest of them no longer counts (C13).
    TooMany(DateTime<Utc>),
}

/// Sends a message, unless its sender has sent [`RATE_COUNT`] in the last [`RATE_SECONDS`]. The sender is entered, so that
/// the count is exact; the crew's row of counters is locked by what it gives the message's number. An archived crew has no
/// members (G10). Answers also what decides whether the chat can be written, for the caller to look at: an error undoes what
/// was sent. None: the sender is no member, or sees no such crew.
///
/// The membership is not held: nobody but the sender, who is entered, can end it, unless the crew is archived.
#[tracing::instrument(skip_all)]
pub(crate) async fn send(
    db: &mut PgConnection,
    id: MessageId,
    crew: GroupId,
    sender: UserId,
    content: &str,
    now: DateTime<Utc>,
) -> Result<Option<(Chat, Sent)>> {
    let row = sqlx::query!(
        r#"with chat as (
             select e.effective_end, e.cancelled_at
             from groups g
             join group_members m on m.group_id = g.id and m.user_id = $3
             join crewup.api_events_seen_by($3, false) e on e.id = g.event_id
             where g.id = $2
         ), latest as (
             select m.sent_at from messages m
             where m.sender_id = $3 and m.group_id = $2
             order by m.sequence desc
             limit $6
         ), full_until as (
             select min(l.sent_at) + make_interval(secs => $7) as free_at from latest l
             where l.sent_at > $5::timestamptz - make_interval(secs => $7)
             having count(*) >= $6
         ), seats as (
             update group_seats set last_sequence = last_sequence + 1
             where group_id = $2 and members > 0 and exists (select from chat) and not exists (select from full_until)
             returning last_sequence
         ), sent as (
             insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
             select $1, $2, $3, $4, last_sequence, $5, $5 from seats
             returning sequence
         )
         select c.effective_end as "effective_end!", c.cancelled_at as event_cancelled_at, crewup.now() as "now!",
                (select sequence from sent) as sequence, (select free_at from full_until) as free_at,
                u.first_name as "first_name!", u.last_name as "last_name!"
         from chat c, api_users u where u.id = $3"#,
        id.0,
        crew.0,
        sender.0,
        content,
        now,
        RATE_COUNT,
        f64::from(RATE_SECONDS),
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let chat = Chat { effective_end: row.effective_end, event_cancelled_at: row.event_cancelled_at, now: row.now };
    if let Some(free_at) = row.free_at {
        return Ok(Some((chat, Sent::TooMany(free_at))));
    }
    let Some(sequence) = row.sequence else { return Ok(Some((chat, Sent::Archived))) };
    let message = Message {
        id,
        group_id: crew,
        sequence,
        sender_id: sender,
        first_name: row.first_name,
        last_name: row.last_name,
        content: content.to_owned(),
        is_edited: false,
        sent_at: now,
        edited_at: None,
        deleted_at: None,
        deleted_as: None,
    };
    Ok(Some((chat, Sent::Stored(message))))
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
