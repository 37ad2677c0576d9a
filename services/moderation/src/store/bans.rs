//! Bans and their versions.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{BanId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Ban, Draft, Version};

/// Which bans to list. None and empty: whatever.
pub(crate) struct Filter {
    pub(crate) user: Option<UserId>,
    pub(crate) states: Vec<String>,
}

/// The order of the list, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) BanId);

/// Bans with all their versions: `versions!("the condition on the root", argument)`.
macro_rules! versions {
    ($rest:literal, $argument:expr) => {
        sqlx::query_as!(
            Version,
            r#"select b.root_id as "root_id: BanId", b.user_id as "user_id: UserId", b.violation, b.reason, b.note,
                      b.expires_at, b.created_by as "created_by: UserId", b.created_at, b.ended_at,
                      b.ended_by as "ended_by: UserId", crewup.ban_state(b.expires_at, b.ended_at, b.ended_by) as "state!"
               from bans b
               where b.root_id "# + $rest + " order by b.root_id, b.created_at, b.id",
            $argument,
        )
    };
}

/// Those of `bans` that there are, in no order.
#[tracing::instrument(skip_all)]
pub(crate) async fn batch(db: &mut PgConnection, bans: &[BanId]) -> Result<Vec<Ban>> {
    let ids: Vec<_> = bans.iter().map(|id| id.0).collect();
    Ok(Ban::gather(versions!("= any($1)", &ids).fetch_all(db).await?))
}

/// One ban, by its id.
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, ban: BanId) -> Result<Option<Ban>> {
    Ok(batch(db, &[ban]).await?.pop())
}

/// The ban of a version, for the replay of what made the version (X1).
#[tracing::instrument(skip_all)]
pub(crate) async fn of_version(db: &mut PgConnection, version: Uuid) -> Result<Option<Ban>> {
    let rows = versions!("= (select v.root_id from bans v where v.id = $1)", version).fetch_all(db).await?;
    Ok(Ban::gather(rows).pop())
}

/// A person's last ban, in force or not.
#[tracing::instrument(skip_all)]
pub(crate) async fn last_of(db: &mut PgConnection, user: UserId) -> Result<Option<Ban>> {
    let rows = versions!(
        "= (select v.root_id from bans v where v.user_id = $1 order by v.created_at desc, v.id desc limit 1)",
        user.0
    )
    .fetch_all(db)
    .await?;
    Ok(Ban::gather(rows).pop())
}

/// One page of ids with their keys, and one more, newest first.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, filter: &Filter, page: &Page<Key>) -> Result<Vec<Key>> {
    let after = page.after.as_ref();
    let rows = sqlx::query!(
        r#"select r.id as "id: BanId", r.created_at
           from bans r
           cross join lateral (
               select crewup.ban_state(v.expires_at, v.ended_at, v.ended_by) as state
               from bans v where v.root_id = r.id order by v.created_at desc, v.id desc limit 1) l
           where r.id = r.root_id and ($1::uuid is null or r.user_id = $1)
             and (cardinality($2::text[]) = 0 or l.state = any($2))
             and (r.created_at, r.id)
                 < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by r.created_at desc, r.id desc
           limit $5"#,
        filter.user.map(|id| id.0),
        &filter.states,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| Key(row.created_at, row.id)).collect())
}

/// Writes a version: the first of a ban of its own where there is no `root`. The person has no open row.
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    version: BanId,
    root: Option<BanId>,
    user: UserId,
    draft: &Draft,
    by: UserId,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into bans (id, root_id, user_id, violation, reason, note, expires_at, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        version.0,
        root.unwrap_or(version).0,
        user.0,
        draft.violation,
        draft.reason,
        draft.note.as_deref(),
        draft.expires_at,
        by.0,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the open version of a person's ban, if there is one: somebody lifts the ban, the next version follows, or its time came.
#[tracing::instrument(skip_all)]
pub(crate) async fn end(
    db: &mut PgConnection,
    user: UserId,
    at: DateTime<Utc>,
    lifted_by: Option<UserId>,
) -> Result<()> {
    sqlx::query!(
        "update bans set ended_at = $2, ended_by = $3 where user_id = $1 and ended_at is null",
        user.0,
        at,
        lifted_by.map(|id| id.0),
    )
    .execute(db)
    .await?;
    Ok(())
}
