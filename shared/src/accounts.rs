//! From identities to profiles, in every service but the user service, which makes them (U1, U2).

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use crewup_proto::crewup::user::internal::v1::{EnsureUserRequest, EnsureUserResponse};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{
    app::Accounts,
    auth::Identity,
    db::Db,
    error::{Error, ErrorReason, Result},
    id::UserId,
    peer::Peers,
};

const ENSURE_USER: &str = "/crewup.user.internal.v1.UserInternalService/EnsureUser";
/// How long somebody who is known waits for the user service to take over what a newer token says.
const PATIENCE: Duration = Duration::from_millis(500);

/// The profiles as the user service publishes them; it is asked for people who are new, or whose token is newer than the
/// last one that their profile followed. Whoever is known is served while it is away.
pub struct KnownAccounts {
    db: Db,
    peers: Arc<Peers>,
}

struct Known {
    id: UserId,
    claims_iat: Option<DateTime<Utc>>,
    is_erased: bool,
}

impl KnownAccounts {
    /// Of this database, asking the user service among `peers`.
    pub fn new(db: Db, peers: Arc<Peers>) -> Self {
        Self { db, peers }
    }

    async fn known(&self, identity: &Identity) -> Result<Option<Known>> {
        let mut lease = self.db.lease().await?;
        let known = sqlx::query_as!(
            Known,
            r#"select user_id as "id!: UserId", claims_iat, is_erased as "is_erased!" from crewup.api_account($1)"#,
            identity.subject,
        )
        .fetch_optional(&mut *lease)
        .await?;
        lease.back();
        Ok(known)
    }

    async fn ask(&self, identity: &Identity) -> Result<UserId> {
        let answer: EnsureUserResponse = self.peers.call(ENSURE_USER, &EnsureUserRequest {}, identity).await?;
        Ok(UserId(Uuid::try_parse(&answer.user_id).map_err(Error::internal)?))
    }

    async fn find(&self, identity: &Identity) -> Result<UserId> {
        let Some(known) = self.known(identity).await? else { return self.ask(identity).await };
        let followed = known.claims_iat.is_some_and(|last| last.timestamp() >= identity.issued_at);
        if known.is_erased || followed {
            return Ok(known.id);
        }
        match tokio::time::timeout(PATIENCE, self.ask(identity)).await {
            Ok(Err(error)) if error.reason() != ErrorReason::DependencyUnavailable => Err(error),
            Ok(Ok(id)) => Ok(id),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(user = %known.id, "the user service is away; what a newer token says waits");
                Ok(known.id)
            }
        }
    }
}

impl Accounts for KnownAccounts {
    fn ensure<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<UserId>> {
        Box::pin(self.find(identity))
    }
}
