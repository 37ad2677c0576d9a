//! Reading a crew's timeline: messages and what happened to members, merged by number. Each side is limited by its own
//! index before the merge. The entries of edits and deletions are for streams; here a message shows them itself.

use crewup_shared::{
    error::Result,
    id::{GroupId, MessageId, UserId},
};
use sqlx::PgConnection;

use crate::model::Entry;

/// The entries after `after` and up to `last`, rising.
#[tracing::instrument(skip_all)]
pub(crate) async fn forward(
    db: &mut PgConnection,
    crew: GroupId,
    after: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<Entry>> {
    let rows = sqlx::query_as!(
        Entry,
        r#"select e.sequence as "sequence!", e.at as "created_at!", e.kind as "kind!", e.detail,
                  u.id as "user_id!: UserId", u.first_name as "first_name!", u.last_name as "last_name!",
                  a.id as "actor_id?: UserId", a.first_name as "actor_first_name?", a.last_name as "actor_last_name?",
                  e.message_id as "message_id: MessageId", e.content, e.is_edited, e.edited_at, e.deleted_at, e.deleted_as
           from (
               (select m.sequence, m.sent_at as at, 'message' as kind, null as detail, m.sender_id as user_id,
                       null::uuid as actor_id, m.id as message_id, m.content, m.is_edited, m.edited_at, m.deleted_at,
                       m.deleted_as
                from messages m
                where m.group_id = $1 and m.sequence > $2 and m.sequence <= $3
                order by m.sequence
                limit $4)
               union all
               (select t.sequence, t.created_at, t.kind, t.detail, t.user_id, t.actor_id, null, null, null, null, null, null
                from timeline t
                where t.group_id = $1 and t.sequence > $2 and t.sequence <= $3 and t.message_id is null
                order by t.sequence
                limit $4)
           ) e
           join api_users u on u.id = e.user_id
           left join api_users a on a.id = e.actor_id
           order by e.sequence
           limit $4"#,
        crew.0,
        after,
        last,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The entries before `before`, falling.
#[tracing::instrument(skip_all)]
pub(crate) async fn backward(db: &mut PgConnection, crew: GroupId, before: i64, limit: i64) -> Result<Vec<Entry>> {
    let rows = sqlx::query_as!(
        Entry,
        r#"select e.sequence as "sequence!", e.at as "created_at!", e.kind as "kind!", e.detail,
                  u.id as "user_id!: UserId", u.first_name as "first_name!", u.last_name as "last_name!",
                  a.id as "actor_id?: UserId", a.first_name as "actor_first_name?", a.last_name as "actor_last_name?",
                  e.message_id as "message_id: MessageId", e.content, e.is_edited, e.edited_at, e.deleted_at, e.deleted_as
           from (
               (select m.sequence, m.sent_at as at, 'message' as kind, null as detail, m.sender_id as user_id,
                       null::uuid as actor_id, m.id as message_id, m.content, m.is_edited, m.edited_at, m.deleted_at,
                       m.deleted_as
                from messages m
                where m.group_id = $1 and m.sequence < $2
                order by m.sequence desc
                limit $3)
               union all
               (select t.sequence, t.created_at, t.kind, t.detail, t.user_id, t.actor_id, null, null, null, null, null, null
                from timeline t
                where t.group_id = $1 and t.sequence < $2 and t.message_id is null
                order by t.sequence desc
                limit $3)
           ) e
           join api_users u on u.id = e.user_id
           left join api_users a on a.id = e.actor_id
           order by e.sequence desc
           limit $3"#,
        crew.0,
        before,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
