//! From accounts to profiles: found, made or synchronised, once for each new token (U1, U2, M1).
//!
//! One read decides in the common case. Two first calls at once both try to insert; the database lets one through,
//! and the other finds what that one made. A token is followed under the lock of its person, and only if it is newer
//! than the last one that was, so that calls which arrive in another order do no harm.

use crewup_proto::crewup::user::internal::v1::{EnsureUserRequest, EnsureUserResponse};
use crewup_shared::{
    app::{Accounts, Context, Tx, again},
    auth::Identity,
    db::Db,
    error::{Error, ErrorReason, Result},
    id::UserId,
    outbox::Wake,
};
use futures_util::future::BoxFuture;
use tonic::Request;

use crate::{
    model::Claims,
    store::{self, accounts::Known},
};

/// The profiles of this database.
#[derive(Clone)]
pub(crate) struct LocalAccounts(pub(crate) Db);

impl Accounts for LocalAccounts {
    /// Answers an erased person's id, too: their standing says USER_ERASED to every call but EraseMe, of which a
    /// second is OK (U8).
    fn ensure<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<UserId>> {
        Box::pin(async move { self.known(identity).await.map(|known| known.id) })
    }
}

/// EnsureUser (U1, U2, X3). The layers verified both tokens; the person is the one on whose behalf the service calls.
pub(crate) async fn ensure_user(
    accounts: &LocalAccounts,
    req: Request<EnsureUserRequest>,
) -> Result<EnsureUserResponse> {
    let context = req.extensions().get::<Context>();
    let person = context.and_then(|context| context.on_behalf.as_ref());
    let person = person.ok_or_else(|| Error::internal("a call on nobody's behalf came past the layers"))?;

    let known = accounts.known(person).await?;
    if known.is_erased {
        return Err(ErrorReason::UserErased.into());
    }
    Ok(EnsureUserResponse { user_id: known.id.to_string() })
}

impl LocalAccounts {
    async fn known(&self, identity: &Identity) -> Result<Known> {
        let claims = Claims::of(identity);
        let mut run = 1;
        loop {
            match self.find_or_make(&claims).await {
                Ok(known) => return Ok(known),
                Err(error) => again(&self.0, error, &mut run).await?,
            }
        }
    }

    async fn find_or_make(&self, claims: &Claims) -> Result<Known> {
        let known = match self.find(claims).await? {
            Some(known) => known,
            None => match self.make(claims).await? {
                Some(made) => return Ok(made),
                // Another first call made the profile meanwhile; or else the e-mail is another account's.
                None => self.find(claims).await?.ok_or(ErrorReason::EmailTaken)?,
            },
        };
        if !known.is_erased && claims.newer_than(known.claims_iat) {
            self.follow(known.id, claims).await?;
        }
        Ok(known)
    }

    async fn find(&self, claims: &Claims) -> Result<Option<Known>> {
        let mut lease = self.0.lease().await?;
        let known = store::accounts::find(&mut lease, &claims.subject).await?;
        lease.back();
        Ok(known)
    }

    /// Makes the profile. None: the account has one, or somebody holds the e-mail.
    pub(crate) async fn make(&self, claims: &Claims) -> Result<Option<Known>> {
        let complete = claims.complete()?;
        let id = UserId::new();
        let mut tx = Tx::begin(&self.0, &[id.0]).await?;
        let made = store::accounts::insert(tx.db(), id, claims, &complete).await?;
        if made {
            store::accounts::keep_role(tx.db(), id, claims.role).await?;
        }
        tx.commit(&Wake::default()).await?;
        Ok(made.then_some(Known { id, claims_iat: Some(claims.issued_at), is_erased: false }))
    }

    /// Takes over what the token says, unless a newer one was there first. An e-mail that another profile holds is not
    /// taken over (U2): the old one stays, and the person is not locked out for it.
    async fn follow(&self, id: UserId, claims: &Claims) -> Result<()> {
        match self.take_over(id, claims).await {
            Err(error) if error.reason() == ErrorReason::EmailTaken => {
                tracing::warn!(user = %id, "another profile holds the account's new e-mail; the old one stays");
                self.take_over(id, &Claims { email: None, ..claims.clone() }).await
            }
            done => done,
        }
    }

    pub(crate) async fn take_over(&self, id: UserId, claims: &Claims) -> Result<()> {
        let mut tx = Tx::begin(&self.0, &[id.0]).await?;
        if store::accounts::synchronise(tx.db(), id, claims).await? {
            store::accounts::keep_role(tx.db(), id, claims.role).await?;
        }
        tx.commit(&Wake::default()).await
    }
}
