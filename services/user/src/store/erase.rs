//! What erasing leaves of a person (U8).

use crewup_shared::{error::Result, id::UserId};
use sqlx::PgConnection;

/// Makes a tombstone of the profile: the account is still recognised, nothing tells who it was. Ratings given lose their
/// comment, ratings received go, and so do roles and the person's own blocks. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn erase(db: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "with roles as (
             delete from user_roles where user_id = $1
         ), blocks as (
             delete from user_blocks where blocker_id = $1
         ), given as (
             update ratings set comment = null where rater_user_id = $1 and comment is not null
         )
         update users
         set keycloak_id = 'erased:' || encode(sha256(convert_to(keycloak_id, 'UTF8')), 'hex'),
             email = id || '@erased.invalid', first_name = '', last_name = '', bio = null, profile_picture_url = null,
             interests = null, claims_iat = null, erased_at = crewup.now(), revision = revision + 1
         where id = $1 and erased_at is null",
        id.0,
    )
    .execute(&mut *db)
    .await?;
    // Apart: the trigger of each row computes the reputation on the row that was just written.
    sqlx::query!("delete from ratings where rated_user_id = $1", id.0).execute(db).await?;
    Ok(())
}
