//! What a token says of a person (U1, U2, M1).

use chrono::{DateTime, Utc};
use crewup_shared::{
    admin::Account,
    auth::{Identity, Role},
    error::{ErrorReason, Result},
};
use sha2::{Digest as _, Sha256};

const LONGEST_NAME: usize = 100;
const LONGEST_EMAIL: usize = 255;

/// The claims of a token that profiles follow, made to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    /// The role's name in `user_roles`. None: a person like everyone.
    pub(crate) role: Option<&'static str>,
    pub(crate) issued_at: DateTime<Utc>,
}

/// What a profile must have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complete<'a> {
    pub(crate) email: &'a str,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
}

impl Claims {
    /// Of a verified token.
    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            subject: identity.subject.clone(),
            email: identity.email.as_deref().and_then(email),
            first_name: name(&identity.first_name),
            last_name: name(&identity.last_name),
            role: role(identity.role),
            issued_at: DateTime::from_timestamp(identity.issued_at.max(0), 0).unwrap_or_default(),
        }
    }

    /// Of an account that was read then, with its realm roles.
    pub(crate) fn of_account(account: &Account, roles: &[String], read_at: i64) -> Self {
        let has = |name: &str| roles.iter().any(|role| role == name);
        let verified = Some(account.email.as_str()).filter(|_| account.email_verified);
        Self {
            subject: account.id.clone(),
            email: verified.and_then(email),
            first_name: name(&account.first_name),
            last_name: name(&account.last_name),
            role: ["admin", "moderator"].into_iter().find(|role| has(role)),
            issued_at: DateTime::from_timestamp(read_at.max(0), 0).unwrap_or_default(),
        }
    }

    /// What a new profile is made of (U1).
    pub(crate) fn complete(&self) -> Result<Complete<'_>> {
        match (&self.email, &self.first_name, &self.last_name) {
            (Some(email), Some(first_name), Some(last_name)) => Ok(Complete { email, first_name, last_name }),
            _ => Err(ErrorReason::ProfileIncomplete.into()),
        }
    }

    /// Whether a profile that followed a token of `last` follows this one (U2).
    pub(crate) fn newer_than(&self, last: Option<DateTime<Utc>>) -> bool {
        last.is_none_or(|last| last < self.issued_at)
    }
}

/// By what the account of an erased person is recognised, in the place of the subject (U8).
pub(crate) fn tombstone(subject: &str) -> String {
    let hash: String = Sha256::digest(subject).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("erased:{hash}")
}

/// Cut to the column; without control characters, of which U+0000 is one that PostgreSQL refuses.
fn name(name: &str) -> Option<String> {
    let clean: String = name.chars().filter(|c| !c.is_control()).collect();
    let cut: String = clean.trim().chars().take(LONGEST_NAME).collect();
    let cut = cut.trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// A cut address would be another's, so that one that does not fit is none.
fn email(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    let fits = email.chars().count() <= LONGEST_EMAIL && !email.chars().any(char::is_control);
    (fits && !email.is_empty()).then_some(email)
}

fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Admin => Some("admin"),
        Role::Moderator => Some("moderator"),
        Role::Person | Role::Service => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn identity(email: Option<&str>, first_name: &str, last_name: &str, issued_at: i64) -> Identity {
        Identity {
            subject_hash: [0; 32],
            subject: "s".to_owned(),
            email: email.map(str::to_owned),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            role: Role::Person,
            client: String::new(),
            issued_at,
            expires_at: 0,
            token: String::new().into(),
            user: Default::default(),
        }
    }

    #[test]
    fn u1_a_profile_needs_a_verified_email_and_both_names() {
        let whole = Claims::of(&identity(Some("A@b.c"), " Ann ", "Bee", 1));
        assert_eq!(whole.complete().unwrap(), Complete { email: "a@b.c", first_name: "Ann", last_name: "Bee" });
        let long = format!("{}@b.c", "a".repeat(252));
        for (email, first, last) in [
            (None, "Ann", "Bee"),
            (Some(""), "Ann", "Bee"),
            (Some("a\0@b.c"), "Ann", "Bee"),
            (Some(long.as_str()), "Ann", "Bee"),
            (Some("a@b.c"), " ", "Bee"),
            (Some("a@b.c"), "Ann", "\0"),
        ] {
            let error = Claims::of(&identity(email, first, last, 1)).complete().unwrap_err();
            assert_eq!(error.reason(), ErrorReason::ProfileIncomplete, "{email:?} {first:?} {last:?}");
        }
    }

    #[test]
    fn u1_a_long_name_is_cut_to_characters_not_bytes() {
        let claims = Claims::of(&identity(None, &"é".repeat(101), "Bee", 1));
        assert_eq!(claims.first_name, Some("é".repeat(100)));
    }

    #[test]
    fn u2_only_a_newer_token_is_followed() {
        let claims = Claims::of(&identity(None, "", "", 100));
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        assert!(claims.newer_than(None));
        assert!(claims.newer_than(at(99)));
        assert!(!claims.newer_than(at(100)));
        assert!(!claims.newer_than(at(101)));
    }

    #[test]
    fn an_issue_time_outside_the_calendar_is_the_oldest() {
        for nonsense in [i64::MIN, -1, i64::MAX] {
            assert_eq!(Claims::of(&identity(None, "", "", nonsense)).issued_at, DateTime::UNIX_EPOCH);
        }
    }

    #[test]
    fn u8_a_tombstone_is_the_hash_of_the_subject() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(tombstone("abc"), format!("erased:{of_abc}"));
    }
}
