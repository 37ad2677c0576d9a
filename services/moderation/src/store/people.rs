//! What the user service publishes of people.

use crewup_shared::{error::Result, id::UserId};
use sqlx::PgConnection;

use crate::model::People;

/// The roles last seen of a person (M1).
#[tracing::instrument(skip_all)]
pub(crate) async fn roles(db: &mut PgConnection, user: UserId) -> Result<Vec<String>> {
    let roles = sqlx::query_scalar!(r#"select role as "role!" from api_user_roles where user_id = $1"#, user.0)
        .fetch_all(db)
        .await?;
    Ok(roles)
}

/// The names of people, whatever their standing: moderators see whom they deal with.
#[tracing::instrument(skip_all)]
pub(crate) async fn named(db: &mut PgConnection, people: impl Iterator<Item = UserId>) -> Result<People> {
    let mut ids: Vec<_> = people.map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = sqlx::query!(
        r#"select u.id as "id!: UserId", u.first_name as "first_name!", u.last_name as "last_name!"
           from api_users u where u.id = any($1)"#,
        &ids,
    )
    .fetch_all(db)
    .await?;
    Ok(People(rows.into_iter().map(|row| (row.id, (row.first_name, row.last_name))).collect()))
}
