//! What an account at the identity provider asks of its profile (U1, U2, U8, M1), and how far a synchronisation is.

use chrono::{DateTime, Utc};
use crewup_shared::{admin::Account, id::UserId};

use super::Claims;

/// So many may be gone at once whatever their share.
const FEW: usize = 20;
/// One of so many may be gone at once.
const SHARE: usize = 20;

/// An account as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) claims: Claims,
    pub(crate) is_enabled: bool,
}

impl Seen {
    /// With its realm roles, read then.
    pub(crate) fn of(account: &Account, roles: &[String], read_at: i64) -> Self {
        Self { claims: Claims::of_account(account, roles, read_at), is_enabled: account.enabled }
    }

    /// The same without its e-mail, which another profile than this one holds: it is never taken over (U2).
    pub(crate) fn without_email(&self, profile: &Profile) -> Self {
        if !profile.is_erased {
            tracing::warn!(user = %profile.id, "another profile holds the account's new e-mail; the old one stays");
        }
        Self { claims: Claims { email: None, ..self.claims.clone() }, ..*self }
    }
}

/// The profile of an account.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) id: UserId,
    pub(crate) keycloak_id: String,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) role: Option<String>,
    pub(crate) claims_iat: Option<DateTime<Utc>>,
    pub(crate) is_active: bool,
    pub(crate) is_erased: bool,
    /// Put aside because the account was disabled.
    pub(crate) is_disabled: bool,
    pub(crate) is_gone: bool,
    /// Whether the account is enabled is by an order of ours, or will be in a moment.
    pub(crate) is_ordered: bool,
}

/// What is to be done with a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) follow: bool,
    pub(crate) disable: bool,
    pub(crate) enable: bool,
    pub(crate) is_back: bool,
}

impl Due {
    /// Whether there is anything to do.
    pub(crate) fn is_some(self) -> bool {
        self != Self::default()
    }
}

impl Profile {
    /// What the account asks of it.
    pub(crate) fn due(&self, seen: &Seen) -> Due {
        if self.is_erased {
            return Due::default();
        }
        let claims = &seen.claims;
        let other = |new: &Option<String>, old: &str| new.as_deref().is_some_and(|new| new != old);
        let is_changed = other(&claims.email, &self.email)
            || other(&claims.first_name, &self.first_name)
            || other(&claims.last_name, &self.last_name)
            || claims.role != self.role.as_deref();
        Due {
            follow: is_changed && claims.newer_than(self.claims_iat),
            disable: !seen.is_enabled && self.is_active && !self.is_ordered,
            enable: seen.is_enabled && self.is_disabled,
            is_back: self.is_gone,
        }
    }
}

/// Whether so many of all may not be gone at once: then rather the provider has lost its accounts.
pub(crate) fn too_many(gone: usize, all: usize) -> bool {
    gone > FEW && gone * SHARE > all
}

/// Where a synchronisation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The accounts after so many.
    #[default]
    Start,
    Accounts(usize),
    /// Which profiles have no account any more.
    Gone,
    Done,
}

/// How far a synchronisation is, and what it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) dry_run: bool,
    pub(crate) stage: Stage,
    pub(crate) read: i32,
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) disabled: i32,
    pub(crate) gone: i32,
}

impl Progress {
    /// At the beginning.
    pub(crate) fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    /// From where to go on. Empty: there is nothing left.
    pub(crate) fn token(&self) -> String {
        let stage = match self.stage {
            Stage::Start => "a0".to_owned(),
            Stage::Accounts(first) => format!("a{first}"),
            Stage::Gone => "g".to_owned(),
            Stage::Done => return String::new(),
        };
        let kind = if self.dry_run { "dry" } else { "wet" };
        let Self { read, created, updated, disabled, gone, .. } = self;
        format!("{kind}.{stage}.{read}.{created}.{updated}.{disabled}.{gone}")
    }

    /// Reads what [`Progress::token`] wrote. None: it is no such thing.
    pub(crate) fn of_token(token: &str, dry_run: bool) -> Option<Self> {
        if token.is_empty() {
            return Some(Self::new(dry_run));
        }
        let parts: Vec<_> = token.split('.').collect();
        let [kind, stage, counts @ ..] = parts.as_slice() else { return None };
        let stage = match stage.strip_prefix('a') {
            Some(first) => Stage::Accounts(first.parse().ok()?),
            None if *stage == "g" => Stage::Gone,
            None => return None,
        };
        let counts: Vec<i32> = counts.iter().filter_map(|count| count.parse().ok()).collect();
        let [read, created, updated, disabled, gone] = counts[..] else { return None };
        let read = Self { dry_run, stage, read, created, updated, disabled, gone };
        (*kind == if dry_run { "dry" } else { "wet" }).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn seen(first_name: &str, is_enabled: bool) -> Seen {
        let account = Account {
            id: "s".into(),
            email: "A@b.c".into(),
            email_verified: true,
            first_name: first_name.into(),
            last_name: "Bee".into(),
            enabled: is_enabled,
        };
        Seen::of(&account, &["default-roles-crewup".into()], 100)
    }

    fn profile() -> Profile {
        Profile {
            id: UserId::new(),
            keycloak_id: "s".into(),
            email: "a@b.c".into(),
            first_name: "Ann".into(),
            last_name: "Bee".into(),
            role: None,
            claims_iat: DateTime::from_timestamp(99, 0),
            is_active: true,
            is_erased: false,
            is_disabled: false,
            is_gone: false,
            is_ordered: false,
        }
    }

    #[test]
    fn u2_a_profile_follows_what_changed_unless_a_newer_token_was_there() {
        assert!(!profile().due(&seen("Ann", true)).is_some());
        assert!(profile().due(&seen("Anna", true)).follow);
        let newer = Profile { claims_iat: DateTime::from_timestamp(100, 0), ..profile() };
        assert!(!newer.due(&seen("Anna", true)).follow);
        assert!(
            Profile { role: Some("admin".into()), ..profile() }.due(&seen("Ann", true)).follow,
            "the role was taken"
        );
        assert!(!profile().due(&seen("", true)).follow, "what an account does not say stays");
    }

    #[test]
    fn u6_only_what_was_put_aside_for_its_account_comes_back_with_it() {
        let (disabled, enabled) = (seen("Ann", false), seen("Ann", true));
        assert!(profile().due(&disabled).disable);
        let away = Profile { is_active: false, ..profile() };
        assert!(!away.due(&disabled).is_some() && !away.due(&enabled).is_some(), "by the person");
        assert!(Profile { is_disabled: true, ..away }.due(&enabled).enable);
        assert!(!Profile { is_ordered: true, ..profile() }.due(&disabled).disable, "by our own order");
        assert!(!Profile { is_erased: true, is_gone: true, ..profile() }.due(&disabled).is_some());
    }

    #[test]
    fn u8_a_few_may_be_gone_and_a_small_share() {
        assert!(!too_many(20, 20));
        assert!(too_many(21, 21));
        assert!(too_many(21, 419));
        assert!(!too_many(21, 420));
        assert!(!too_many(5_000, 100_000));
    }

    #[test]
    fn a_token_is_read_as_it_was_written_and_only_for_the_same_kind_of_run() {
        for stage in [Stage::Accounts(300), Stage::Gone] {
            let far = Progress { dry_run: true, stage, read: 301, created: 4, updated: 3, disabled: 2, gone: 1 };
            assert_eq!(Progress::of_token(&far.token(), true), Some(far));
            assert_eq!(Progress::of_token(&far.token(), false), None);
        }
        for wrong in ["x", "dry", "dry.a1", "dry.a-1.1.1.1.1.1", "dry.q.1.1.1.1.1", "dry.g.1.1.1.1", "dry.g.1.1.x.1.1"]
        {
            assert_eq!(Progress::of_token(wrong, true), None, "{wrong}");
        }
    }
}
