//! A person's own row.

use crewup_shared::{
    error::{ErrorReason, Result},
    id::UserId,
};
use sqlx::PgConnection;

use crate::model::Me;

/// USER_ERASED: a read's standing may be a second old (X6), and nobody is to see what erasing left.
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: UserId) -> Result<Me> {
    let me = sqlx::query_as!(
        Me,
        r#"select id as "id: UserId", first_name, last_name, email, bio, profile_picture_url,
                  array_remove(interests, null) as interests, reputation, rating_count, is_active, created_at, updated_at,
                  revision
           from users where id = $1 and erased_at is null"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    me.ok_or_else(|| ErrorReason::UserErased.into())
}

/// Writes an edit. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn update(db: &mut PgConnection, me: &Me) -> Result<()> {
    sqlx::query!(
        "update users set bio = $2, profile_picture_url = $3, interests = $4, revision = revision + 1 where id = $1",
        me.id.0,
        me.bio.as_deref(),
        me.profile_picture_url.as_deref(),
        me.interests.as_deref(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Puts the profile aside, or brings it back (U6).
#[tracing::instrument(skip_all)]
pub(crate) async fn set_active(db: &mut PgConnection, id: UserId, active: bool) -> Result<()> {
    sqlx::query!("update users set is_active = $2, disabled_at = null where id = $1", id.0, active,)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether an alert of the person is not resolved (U9).
#[tracing::instrument(skip_all)]
pub(crate) async fn has_active_alert(db: &mut PgConnection, id: UserId) -> Result<bool> {
    let active =
        sqlx::query_scalar!(r#"select exists (select from api_active_alerts where user_id = $1) as "active!""#, id.0,)
            .fetch_one(db)
            .await?;
    Ok(active)
}
