//! Reading a crew's timeline: messages and what happened, merged by number. Each side is limited by its own index before
//! the merge. Entries of edits and deletions are for streams; in a page the message shows them itself.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, MessageId, UserId},
};
use sqlx::PgConnection;

use crate::model::{Entry, Position};

/// What a member reads at once, of one snapshot.
#[derive(Debug)]
pub(crate) struct Page {
    /// The crew's newest number, which may be that of an edit: no entry of its own.
    pub(crate) last_sequence: i64,
    /// Rising from `After`, falling from `Before`.
    pub(crate) entries: Vec<Entry>,
}

/// A row as an entry. None: the crew has nothing there, and its columns are null.
macro_rules! entry {
    ($row:expr) => {{
        let row = $row;
        (|| {
            Some(Entry {
                sequence: row.sequence?,
                created_at: row.created_at?,
                kind: row.kind?,
                detail: row.detail,
                user_id: row.user_id?,
                first_name: row.first_name?,
                last_name: row.last_name?,
                actor_id: row.actor_id,
                actor_first_name: row.actor_first_name,
                actor_last_name: row.actor_last_name,
                message_id: row.message_id,
                message_sequence: row.message_sequence,
                sent_at: row.sent_at,
                content: row.content,
                is_edited: row.is_edited,
                edited_at: row.edited_at,
                deleted_at: row.deleted_at,
                deleted_as: row.deleted_as,
            })
        })()
    }};
}

/// `page!("bound and direction of one side", "order of all", db, viewer, crew, number, limit)`: the two directions
/// differ in nothing else.
macro_rules! page {
    ($bound:literal, $order:literal, $db:expr, $viewer:expr, $crew:expr, $number:expr, $limit:expr) => {{
        let rows = sqlx::query!(
            r#"select c.last_sequence as "last_sequence!", e.sequence as "sequence?", e.at as "created_at?",
                      e.kind as "kind?", e.detail as "detail?", e.user_id as "user_id?: UserId",
                      e.first_name as "first_name?", e.last_name as "last_name?", e.actor_id as "actor_id?: UserId",
                      e.actor_first_name as "actor_first_name?", e.actor_last_name as "actor_last_name?",
                      e.message_id as "message_id?: MessageId", e.content as "content?", e.is_edited as "is_edited?",
                      e.edited_at as "edited_at?", e.deleted_at as "deleted_at?", e.deleted_as as "deleted_as?",
                      e.message_sequence as "message_sequence?", e.sent_at as "sent_at?"
               from crewup.crews_seen_by($1, false) c
               left join lateral (
                   select o.*, u.first_name, u.last_name, a.first_name as actor_first_name,
                          a.last_name as actor_last_name
                   from (
                       (select m.sequence, m.sent_at as at, 'message' as kind, null as detail, m.sender_id as user_id,
                               null::uuid as actor_id, m.id as message_id, m.content, m.is_edited, m.edited_at,
                               m.deleted_at, m.deleted_as, m.sequence as message_sequence, m.sent_at
                        from messages m
                        where m.group_id = $2 and m.sequence "# + $bound + r#" limit $4)
                       union all
                       (select m.sequence, m.created_at, m.kind, m.detail, m.user_id, m.actor_id, null, null, null, null,
                               null, null, null, null
                        from timeline m
                        where m.group_id = $2 and m.message_id is null and m.sequence "# + $bound + r#" limit $4)
                   ) o
                   join api_users u on u.id = o.user_id
                   left join api_users a on a.id = o.actor_id
                   order by "# + $order + r#"
                   limit $4
               ) e on true
               where c.id = $2 and c.my_joined_at is not null
               order by "# + $order,
            $viewer.0,
            $crew.0,
            $number,
            $limit,
        )
        .fetch_all($db)
        .await?;
        rows.first().map(|row| row.last_sequence).map(|last_sequence| Page {
            last_sequence,
            entries: rows.into_iter().filter_map(|row| entry!(row)).collect(),
        })
    }};
}

/// The entries next to `position`, at most `limit`. None: the viewer is no member, or sees no such crew.
#[tracing::instrument(skip_all)]
pub(crate) async fn page(
    db: &mut PgConnection,
    viewer: UserId,
    crew: GroupId,
    position: Position,
    limit: i64,
) -> Result<Option<Page>> {
    Ok(match position {
        Position::After(after) => {
            page!("> $3 order by m.sequence", "sequence", db, viewer, crew, after, limit)
        }
        Position::Before(before) => {
            page!("< $3 order by m.sequence desc", "sequence desc", db, viewer, crew, before, limit)
        }
    })
}

/// What is new in one of the crews that [`news`] was asked for.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) crew: GroupId,
    pub(crate) is_archived: bool,
    /// None: nothing but that it is archived.
    pub(crate) entry: Option<Entry>,
}

/// What comes after a number in each of some crews, rising without a gap, at most `limit` of each. A crew without news is
/// left out. Who may read it is for the caller to know. One read for all that was woken, and once a second for all that is
/// watched: no span, which would be a trace of its own each time.
pub(crate) async fn news(db: &mut PgConnection, after: &[(GroupId, i64)], limit: i64) -> Result<Vec<News>> {
    let (crews, numbers): (Vec<_>, Vec<_>) = after.iter().map(|(crew, number)| (crew.0, *number)).unzip();
    let rows = sqlx::query!(
        r#"select r.id as "group_id!: GroupId", g.archived_at is not null as "is_archived!", e.sequence as "sequence?",
                  e.at as "created_at?", e.kind as "kind?", e.detail as "detail?", e.user_id as "user_id?: UserId",
                  e.first_name as "first_name?", e.last_name as "last_name?", e.actor_id as "actor_id?: UserId",
                  e.actor_first_name as "actor_first_name?", e.actor_last_name as "actor_last_name?",
                  e.message_id as "message_id?: MessageId", e.content as "content?", e.is_edited as "is_edited?",
                  e.edited_at as "edited_at?", e.deleted_at as "deleted_at?", e.deleted_as as "deleted_as?",
                  e.message_sequence as "message_sequence?", e.sent_at as "sent_at?"
           from unnest($1::uuid[], $2::bigint[]) r (id, after)
           join group_seats s on s.group_id = r.id
           join groups g on g.id = r.id
           left join lateral (
               select o.*, u.first_name, u.last_name, a.first_name as actor_first_name, a.last_name as actor_last_name
               from (
                   (select m.sequence, m.sent_at as at, 'message' as kind, null as detail, m.sender_id as user_id,
                           null::uuid as actor_id, m.id as message_id, m.content, m.is_edited, m.edited_at, m.deleted_at,
                           m.deleted_as, m.sequence as message_sequence, m.sent_at
                    from messages m
                    where m.group_id = r.id and m.sequence > r.after
                    order by m.sequence limit $3)
                   union all
                   (select t.sequence, t.created_at, t.kind, t.detail, coalesce(t.user_id, m.sender_id), t.actor_id,
                           t.message_id, m.content, m.is_edited, m.edited_at, m.deleted_at, m.deleted_as, m.sequence,
                           m.sent_at
                    from timeline t
                    left join messages m on m.id = t.message_id
                    where t.group_id = r.id and t.sequence > r.after
                    order by t.sequence limit $3)
               ) o
               join api_users u on u.id = o.user_id
               left join api_users a on a.id = o.actor_id
               order by o.sequence
               limit $3
           ) e on s.last_sequence > r.after
           where s.last_sequence > r.after or g.archived_at is not null
           order by r.id, e.sequence"#,
        &crews,
        &numbers,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| News { crew: row.group_id, is_archived: row.is_archived, entry: entry!(row) })
        .collect())
}

/// Up to which number a crew's entries are forgotten, or about to be; 0: none.
#[tracing::instrument(skip_all)]
pub(crate) async fn forgotten(db: &mut PgConnection, crew: GroupId) -> Result<i64> {
    let forgotten = sqlx::query_scalar!("select forgotten_sequence from group_seats where group_id = $1", crew.0)
        .fetch_one(db)
        .await?;
    Ok(forgotten)
}

/// Forgets some of the chat of a crew that is due. Answers when it was; None: none is.
#[tracing::instrument(skip_all)]
pub(crate) async fn forget(db: &mut PgConnection) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!("select crewup.forget_chat()").fetch_one(db).await?)
}
