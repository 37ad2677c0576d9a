//! Appeals.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{AppealId, BanId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::model::Appeal;

/// Which appeals to list.
pub(crate) struct Filter {
    pub(crate) states: Vec<String>,
    /// None: of anyone.
    pub(crate) user: Option<UserId>,
}

/// The order of the list, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) AppealId);

/// Appeals: `appeals!("rest of the query", arguments)`.
macro_rules! appeals {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Appeal,
            r#"select a.id as "id: AppealId", a.ban_id as "ban_id: BanId", a.user_id as "user_id: UserId", a.body, a.state,
                      a.answer, a.decided_by as "decided_by: UserId", a.created_at, a.decided_at
               from appeals a "# + $rest
            $(, $argument)*
        )
    };
}

/// Makes an appeal. False: the ban has one (M9).
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    id: AppealId,
    ban: BanId,
    user: UserId,
    body: &str,
    at: DateTime<Utc>,
) -> Result<bool> {
    let made = sqlx::query!(
        "insert into appeals (id, ban_id, user_id, body, state, created_at) values ($1, $2, $3, $4, 'pending', $5)
         on conflict (ban_id) do nothing",
        id.0,
        ban.0,
        user.0,
        body,
        at,
    )
    .execute(db)
    .await?;
    Ok(made.rows_affected() == 1)
}

#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: AppealId) -> Result<Option<Appeal>> {
    Ok(appeals!("where a.id = $1", id.0).fetch_optional(db).await?)
}

/// The appeals against these bans, in no order.
#[tracing::instrument(skip_all)]
pub(crate) async fn against(db: &mut PgConnection, bans: &[BanId]) -> Result<Vec<Appeal>> {
    let ids: Vec<_> = bans.iter().map(|id| id.0).collect();
    Ok(appeals!("where a.ban_id = any($1)", &ids).fetch_all(db).await?)
}

/// One page, and one more, oldest first.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, filter: &Filter, page: &Page<Key>) -> Result<Vec<Appeal>> {
    let after = page.after.as_ref();
    let rows = appeals!(
        "where a.state = any($1) and ($2::uuid is null or a.user_id = $2)
           and (a.created_at, a.id)
               > (coalesce($3, '-infinity'::timestamptz), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
         order by a.created_at, a.id
         limit $5",
        &filter.states,
        filter.user.map(|id| id.0),
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Writes the decision on a pending appeal. The appellant is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn decide(
    db: &mut PgConnection,
    id: AppealId,
    state: &str,
    answer: &str,
    by: UserId,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update appeals set state = $2, answer = $3, decided_by = $4, decided_at = $5 where id = $1 and state = 'pending'",
        id.0,
        state,
        answer,
        by.0,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Wipes what an erased person wrote (U8).
#[tracing::instrument(skip_all)]
pub(crate) async fn wipe(db: &mut PgConnection, user: UserId) -> Result<()> {
    sqlx::query!("update appeals set body = '' where user_id = $1 and body <> ''", user.0).execute(db).await?;
    Ok(())
}
