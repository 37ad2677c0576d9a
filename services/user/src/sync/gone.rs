//! Whose account is gone (U8): found by asking for each profile's account, confirmed by asking for that very one, and noted
//! only when all are known, so that a provider that lost its accounts takes no profile with it.

use super::*;
use crate::{model::too_many, store::sync::Candidate};
use crewup_shared::id::UserId;

/// So many accounts are asked for at once: their ids are in the address.
const BITE: usize = 50;

impl UserSync {
    /// Finds whose account is gone, notes it, and erases who is gone for the time of grace.
    pub(super) async fn gone(&self, mut so_far: Progress) -> Result<Progress> {
        let gone = self.find_gone().await?;
        so_far.gone = i32::try_from(gone.len()).unwrap_or(i32::MAX);
        if !so_far.dry_run {
            for profile in &gone {
                self.note(profile).await?;
            }
        }
        so_far.stage = Stage::Done;
        Ok(so_far)
    }

    async fn find_gone(&self) -> Result<Vec<Candidate>> {
        let (mut gone, mut new) = (Vec::new(), 0);
        let mut after = None;
        let all = self.count().await?;
        loop {
            let bite = self.candidates(after).await?;
            let Some(last) = bite.last() else { return Ok(gone) };
            after = Some(last.id);
            let ids: Vec<_> = bite.iter().map(|profile| profile.keycloak_id.clone()).collect();
            let there: HashSet<_> = self.api.some(&ids).await?.into_iter().map(|account| account.id).collect();
            for profile in bite {
                if there.contains(&profile.keycloak_id) || self.api.account(&profile.keycloak_id).await?.is_some() {
                    continue;
                }
                new += usize::from(profile.gone_since.is_none());
                gone.push(profile);
                if too_many(new, all) {
                    let why = format!("{new} of {all} profiles or more have lost their accounts since the last run");
                    return Err(Error::from(ErrorReason::TooManyGone).because(why));
                }
            }
        }
    }

    /// A first time: since when. Later, when the time of grace is over: the person is erased, as by themselves.
    async fn note(&self, profile: &Candidate) -> Result<()> {
        let mut tx = Tx::begin(&self.db, &[profile.id.0]).await?;
        let is_over = profile.gone_since.is_some_and(|since| tx.now >= since + self.grace);
        if profile.gone_since.is_none() {
            store::sync::set_gone(tx.db(), profile.id, true).await?;
        } else if is_over && !store::me::has_active_alert(tx.db(), profile.id).await? {
            tracing::info!(user = %profile.id, "the account is gone for the time of grace; the profile is erased");
            store::erase::erase(tx.db(), profile.id).await?;
            tx.emit(Topic::UserStanding, profile.id, None);
        }
        tx.commit(&self.wake).await
    }

    async fn candidates(&self, after: Option<UserId>) -> Result<Vec<Candidate>> {
        let mut lease = self.db.lease().await?;
        let bite = store::sync::candidates(&mut lease, after, BITE as i64).await?;
        lease.back();
        Ok(bite)
    }

    async fn count(&self) -> Result<usize> {
        let mut lease = self.db.lease().await?;
        let count = store::sync::count(&mut lease).await?;
        lease.back();
        Ok(usize::try_from(count).unwrap_or_default())
    }
}
