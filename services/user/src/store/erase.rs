//! What erasing leaves of a person (U8).

use crewup_shared::{error::Result, id::UserId};
use sqlx::PgConnection;

/// Makes a tombstone of the profile: the account is still recognised, nothing tells who it was. Ratings given lose their
/// comment, ratings received go, and so do roles and the person's own blocks. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn erase(db: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!("select crewup.erase($1)", id.0).execute(db).await?;
    Ok(())
}
