//! Who blocked whom.

use chrono::{DateTime, Utc};
use crewup_shared::{error::Result, id::UserId, page::Page};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// One person whom the caller blocked.
pub(crate) struct Blocked {
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// The order of the list, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) UserId);

/// Whether `blocker` blocked `blocked`; not whether it is so the other way round.
#[tracing::instrument(skip_all)]
pub(crate) async fn exists(db: &mut PgConnection, blocker: UserId, blocked: UserId) -> Result<bool> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from user_blocks where blocker_id = $1 and blocked_id = $2) as "exists!""#,
        blocker.0,
        blocked.0,
    )
    .fetch_one(db)
    .await?;
    Ok(exists)
}

#[tracing::instrument(skip_all)]
pub(crate) async fn insert(db: &mut PgConnection, blocker: UserId, blocked: UserId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into user_blocks (blocker_id, blocked_id, created_at) values ($1, $2, $3) on conflict do nothing",
        blocker.0,
        blocked.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

#[tracing::instrument(skip_all)]
pub(crate) async fn delete(db: &mut PgConnection, blocker: UserId, blocked: UserId) -> Result<()> {
    sqlx::query!("delete from user_blocks where blocker_id = $1 and blocked_id = $2", blocker.0, blocked.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Whom a person blocked, newest first, whatever became of them.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, blocker: UserId, page: &Page<Key>) -> Result<Vec<Blocked>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Blocked,
        r#"select b.blocked_id as "user_id: UserId", u.first_name, u.last_name, b.created_at
           from user_blocks b
           join users u on u.id = b.blocked_id
           where b.blocker_id = $1
             and (b.created_at, b.blocked_id)
                 < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by b.created_at desc, b.blocked_id desc
           limit $4"#,
        blocker.0,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
