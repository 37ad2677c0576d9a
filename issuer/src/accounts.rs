//! The accounts as the Admin API shows them. Signing in does not need one here - every name is a person - and is not kept from
//! one that is disabled: tests hold the resource servers to their own checks.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::Person;

/// An account that the Admin API knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What its tokens would say. The subject is its id.
    pub person: Person,
    /// Whether one can sign in with it.
    pub enabled: bool,
    /// How often all its sessions were ended.
    pub logouts: u32,
}

/// Those that there are. Every method takes `&self`.
#[derive(Default)]
pub struct Accounts {
    by_id: Mutex<BTreeMap<String, Account>>,
    granted: Mutex<HashSet<String>>,
    pages: AtomicU64,
    is_away: AtomicBool,
    shows_nobody: AtomicBool,
    is_elsewhere: AtomicBool,
}

impl Accounts {
    /// Makes an account, or changes the one with the person's subject. It is enabled.
    pub fn put(&self, person: Person) {
        let account = Account { enabled: true, logouts: 0, person };
        self.lock().insert(account.person.sub().to_owned(), account);
    }

    /// The account of that subject.
    pub fn get(&self, id: &str) -> Option<Account> {
        self.lock().get(id).cloned()
    }

    /// Changes an account. False: there is none.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Account)) -> bool {
        self.lock().get_mut(id).map(change).is_some()
    }

    /// Deletes an account. False: there was none.
    pub fn remove(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    /// The Admin API answers 503 from now on, or again as it should. Tokens are served either way.
    pub fn set_away(&self, away: bool) {
        self.is_away.store(away, Ordering::Relaxed);
    }

    /// Lists come back empty from now on, as from an index that was lost; each account still answers for itself.
    pub fn set_shows_nobody(&self, nobody: bool) {
        self.shows_nobody.store(nobody, Ordering::Relaxed);
    }

    /// How many pages of all accounts were asked for.
    pub fn pages_served(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    pub(crate) fn serve_page(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    /// Each account answers 404 from now on, but in the words for a realm that is not there, as after a mistake in an address.
    pub fn set_elsewhere(&self, elsewhere: bool) {
        self.is_elsewhere.store(elsewhere, Ordering::Relaxed);
    }

    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere.load(Ordering::Relaxed)
    }

    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// All, in Keycloak's order: by user name.
    pub(crate) fn listed(&self) -> Vec<Account> {
        if self.shows_nobody.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by(|one, other| one.person.name().cmp(other.person.name()));
        all
    }

    /// A token that opens the Admin API.
    pub(crate) fn grant(&self, token: &str) {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned());
    }

    pub(crate) fn is_granted(&self, token: &str) -> bool {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).contains(token)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Account>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
