//! Requests to join a private crew (G3). Written under the crew's lock.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, JoinRequestId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::model::{JoinRequest, State};

/// The order of the list, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) JoinRequestId);

/// Makes a pending request.
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    crew: GroupId,
    user: UserId,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into group_requests (id, group_id, user_id, note, state, created_at)
         values ($1, $2, $3, $4, 'pending', $5)",
        JoinRequestId::new().0,
        crew.0,
        user.0,
        note,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: JoinRequestId) -> Result<Option<JoinRequest>> {
    let row = sqlx::query_as!(
        JoinRequest,
        r#"select r.id as "id: JoinRequestId", r.group_id as "group_id: GroupId", r.user_id as "user_id: UserId",
                  u.first_name as "first_name!", u.last_name as "last_name!", r.note, r.state, r.created_at, r.decided_at
           from group_requests r
           join api_users u on u.id = r.user_id
           where r.id = $1"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Who asked: that never changes (no role may write the column). None: there is no such request.
#[tracing::instrument(skip_all)]
pub(crate) async fn person(db: &mut PgConnection, id: JoinRequestId) -> Result<Option<UserId>> {
    let person = sqlx::query_scalar!(r#"select user_id as "user_id: UserId" from group_requests where id = $1"#, id.0,)
        .fetch_optional(db)
        .await?;
    Ok(person)
}

/// One page of a crew's pending requests, and one more.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, crew: GroupId, page: &Page<Key>) -> Result<Vec<JoinRequest>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        JoinRequest,
        r#"select r.id as "id: JoinRequestId", r.group_id as "group_id: GroupId", r.user_id as "user_id: UserId",
                  u.first_name as "first_name!", u.last_name as "last_name!", r.note, r.state, r.created_at, r.decided_at
           from group_requests r
           join api_users u on u.id = r.user_id
           where r.group_id = $1 and r.state = 'pending'
             and (r.created_at, r.id)
                 > (coalesce($2, '-infinity'::timestamptz), coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid))
           order by r.created_at, r.id
           limit $4"#,
        crew.0,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Ends a pending request. `by` is the admin who decided; None: the person took it back. False: it was pending no longer.
#[tracing::instrument(skip_all)]
pub(crate) async fn decide(
    db: &mut PgConnection,
    id: JoinRequestId,
    state: State,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let decided = sqlx::query!(
        "update group_requests set state = $2, decided_at = $3, decided_by = $4 where id = $1 and state = 'pending'",
        id.0,
        state.name(),
        now,
        by.map(|by| by.0),
    )
    .execute(db)
    .await?;
    Ok(decided.rows_affected() == 1)
}

/// What a person's erased profile leaves of the requests: no text, and none that waits (U8).
#[tracing::instrument(skip_all)]
pub(crate) async fn erase(db: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update group_requests
         set note = null, state = case state when 'pending' then 'cancelled' else state end,
             decided_at = coalesce(decided_at, $2)
         where user_id = $1 and (note is not null or state = 'pending')",
        user.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
