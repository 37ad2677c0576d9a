//! Bringing people from the identity provider (ADR 23): first all its accounts, page by page, then all profiles, to find those
//! whose account is gone. Nothing is asked while a transaction is open; each person is a transaction of their own, which
//! enters them and changes only what is still so. So a run may end anywhere, go on elsewhere, or be made twice at once.

pub(crate) mod called;
mod gone;
pub(crate) mod timed;

use std::{collections::HashSet, sync::Arc};

use chrono::TimeDelta;
use crewup_shared::{
    admin::{Account, AdminApi, AdminSettings},
    app::{App, Tx},
    clock,
    db::Db,
    error::{Error, ErrorReason, Result},
    outbox::{Topic, Wake},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    accounts::LocalAccounts,
    model::{Claims, Due, Profile, Progress, Seen, Stage, tombstone},
    store,
};

/// So many accounts are read at once, and so many of them asked for their roles at the same time.
const PAGE: usize = 100;
const AT_ONCE: usize = 8;

/// What a synchronisation works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct UserSync {
    pub(crate) db: Db,
    pub(crate) api: Arc<AdminApi>,
    wake: Wake,
    /// For how long an account must be gone until its profile is erased.
    grace: TimeDelta,
    /// How often it is done by itself, in seconds.
    every: f64,
}

impl UserSync {
    /// Of this service, with this API.
    pub(crate) fn new(app: &App, api: Arc<AdminApi>, settings: &AdminSettings) -> Self {
        let grace = TimeDelta::days(settings.gone_days.into());
        Self { db: app.db().clone(), api, wake: app.wake().clone(), grace, every: settings.sync_seconds.into() }
    }

    /// Does the next part, and says how far it is then.
    pub(crate) async fn step(self, so_far: Progress) -> Result<Progress> {
        match so_far.stage {
            Stage::Start => self.accounts(so_far, 0).await,
            Stage::Accounts(first) => self.accounts(so_far, first).await,
            Stage::Gone => self.gone(so_far).await,
            Stage::Done => Ok(so_far),
        }
    }

    /// One page of accounts. Who was deleted meanwhile moves the others: whom a run so misses, the next one reads.
    async fn accounts(&self, mut so_far: Progress, first: usize) -> Result<Progress> {
        let read_at = i64::try_from(clock::unix_seconds()).unwrap_or_default();
        let page = self.api.page(first, PAGE).await?;
        let number = page.len();
        let roles = stream::iter(page).map(|account| self.seen(account, read_at));
        let seen: Vec<Seen> = roles.buffered(AT_ONCE).try_collect().await?;
        let known = self.known(&seen).await?;
        for account in &seen {
            so_far.read += 1;
            let claims = &account.claims;
            let profile =
                known.iter().find(|p| p.keycloak_id == claims.subject || p.keycloak_id == tombstone(&claims.subject));
            match profile {
                Some(profile) => self.change(&mut so_far, profile, account, &known).await?,
                None if account.is_enabled && claims.complete().is_ok() => {
                    let is_taken = known.iter().any(|other| claims.email.as_deref() == Some(&other.email));
                    if is_taken || !(so_far.dry_run || self.make(claims).await?) {
                        tracing::warn!(
                            account = claims.subject,
                            "no profile was made: another one holds the e-mail, or a first call was quicker"
                        );
                    } else {
                        so_far.created += 1;
                    }
                }
                None => {}
            }
        }
        so_far.stage = if number < PAGE { Stage::Gone } else { Stage::Accounts(first + number) };
        Ok(so_far)
    }

    async fn seen(&self, account: Account, read_at: i64) -> Result<Seen> {
        let roles = self.api.roles(&account.id).await?;
        Ok(Seen::of(&account, &roles, read_at))
    }

    async fn known(&self, seen: &[Seen]) -> Result<Vec<Profile>> {
        let subjects: Vec<_> = seen.iter().map(|seen| seen.claims.subject.clone()).collect();
        let tombstones: Vec<_> = subjects.iter().map(|subject| tombstone(subject)).collect();
        let emails: Vec<_> = seen.iter().filter_map(|seen| seen.claims.email.clone()).collect();
        let mut lease = self.db.lease().await?;
        let known = store::sync::profiles(&mut lease, &subjects, &tombstones, &emails).await?;
        lease.back();
        Ok(known)
    }

    /// Makes a profile as a first call would (U1). False: its e-mail was taken meanwhile, or it was made by a first call.
    async fn make(&self, claims: &Claims) -> Result<bool> {
        Ok(LocalAccounts(self.db.clone()).make(claims).await?.is_some())
    }

    async fn change(&self, so_far: &mut Progress, profile: &Profile, seen: &Seen, known: &[Profile]) -> Result<()> {
        let email = seen.claims.email.as_deref();
        let is_taken = known.iter().any(|other| other.id != profile.id && email == Some(&other.email));
        let seen = if is_taken { &seen.without_email(profile) } else { seen };
        let due = profile.due(seen);
        if so_far.dry_run {
            so_far.updated += i32::from(due.follow);
            so_far.disabled += i32::from(due.disable);
            return Ok(());
        }
        if due.follow && self.follow(profile, seen).await? {
            so_far.updated += 1;
        }
        if (Due { follow: false, ..due }).is_some() && self.set(profile, due).await? {
            so_far.disabled += 1;
        }
        Ok(())
    }

    /// Takes over what the account says (U2, M1), without an e-mail that was taken meanwhile. False: there is nothing else.
    async fn follow(&self, profile: &Profile, seen: &Seen) -> Result<bool> {
        let accounts = LocalAccounts(self.db.clone());
        match accounts.take_over(profile.id, &seen.claims).await {
            Ok(()) => Ok(true),
            Err(error) if error.reason() == ErrorReason::EmailTaken => {
                let rest = seen.without_email(profile);
                let is_due = profile.due(&rest).follow;
                if is_due {
                    accounts.take_over(profile.id, &rest.claims).await?;
                }
                Ok(is_due)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the profile aside or brings it back, by its account. True: it was put aside.
    async fn set(&self, profile: &Profile, due: Due) -> Result<bool> {
        let mut tx = Tx::begin(&self.db, &[profile.id.0]).await?;
        if due.is_back {
            store::sync::set_gone(tx.db(), profile.id, false).await?;
        }
        // With an active alert nobody is put aside (U9): the next run looks again.
        let disabled = due.disable
            && !store::me::has_active_alert(tx.db(), profile.id).await?
            && store::sync::disable(tx.db(), profile.id).await?;
        let enabled = due.enable && store::sync::enable(tx.db(), profile.id).await?;
        if disabled || enabled {
            tx.emit(Topic::UserStanding, profile.id, None);
        }
        tx.commit(&self.wake).await?;
        Ok(disabled)
    }
}
