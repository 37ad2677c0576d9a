//! A person's standing - active, deactivated, banned, erased - and what it leaves (M3, U6).
//!
//! Writes get it from `crewup.enter`, inside their transaction; reads from a cache that is at most a second old (X6).

use std::time::Duration;

use crewup_proto::call::{Call, Standing};
use sqlx::PgConnection;

use crate::{
    error::{Error, ErrorReason, Result},
    id::UserId,
};

/// How old a cached standing may be. BanUser and EraseMe answer a little later than this after their commit.
const FRESH: Duration = Duration::from_secs(1);

/// Returns when no process takes a standing for true that was read before the call: after every cache's time, and some for
/// reads that were under way (M3, U8, X6).
pub async fn known_everywhere() {
    tokio::time::sleep(FRESH + Duration::from_millis(200)).await;
}

/// The standing that the database's functions name.
pub fn parse(name: &str) -> Result<Standing> {
    match name {
        "active" => Ok(Standing::Active),
        "deactivated" => Ok(Standing::Deactivated),
        "banned" => Ok(Standing::Banned),
        "erased" => Ok(Standing::Erased),
        _ => Err(Error::internal(format!("unknown standing {name}"))),
    }
}

/// Lets a caller of this standing make the call, or says why not.
pub fn admit(standing: Standing, call: &Call) -> Result<()> {
    if standing == Standing::Active || call.also_while.contains(&standing) {
        return Ok(());
    }
    Err(Error::from(match standing {
        Standing::Banned => ErrorReason::UserBanned,
        Standing::Deactivated => ErrorReason::UserDeactivated,
        Standing::Erased => ErrorReason::UserErased,
        Standing::Active | Standing::Unspecified => ErrorReason::Internal,
    }))
}

/// The standings read lately.
#[derive(Clone)]
pub struct Standings(moka::sync::Cache<UserId, Standing>);

impl Standings {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self(moka::sync::Cache::builder().time_to_live(FRESH).max_capacity(100_000).build())
    }

    /// The person's standing, read now or less than a second ago.
    pub async fn get(&self, db: &mut PgConnection, user: UserId) -> Result<Standing> {
        if let Some(standing) = self.0.get(&user) {
            return Ok(standing);
        }
        let state = sqlx::query_scalar!("select crewup.user_state($1)", user.0).fetch_one(db).await?;
        let standing = parse(state.as_deref().unwrap_or("erased"))?;
        self.0.insert(user, standing);
        Ok(standing)
    }
}

impl Default for Standings {
    fn default() -> Self {
        Self::new()
    }
}
