//! Who calls: verifying access tokens against the issuer's keys (X4).

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind, jwk::PublicKeyUse};
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    clock,
    error::{Error, ErrorReason, Result},
    id::UserId,
    issuer::Issuer,
};

/// How far the issuer's clock may be off.
const SKEW: Duration = Duration::from_secs(30);
/// Larger tokens are refused unread. Envoy's and hyper's header limits are beyond it.
const LARGEST: usize = 8 * 1024;
/// At most one look at the issuer's keys in this time, whatever callers send.
const REFRESH: Duration = Duration::from_secs(1);
/// A look at the keys at least so often, so that one which the issuer withdrew is forgotten.
const RENEW: Duration = Duration::from_secs(120);
/// A verified token is remembered so long at most.
const REMEMBER: Duration = Duration::from_secs(60);

/// What a caller may do beyond what everyone may, by the realm roles in the token (M1). Ordered by rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A person.
    Person,
    /// A person with the role `moderator`.
    Moderator,
    /// A person with the role `admin`.
    Admin,
    /// Not a person: another service of the mesh (X3).
    Service,
}

/// By what an account is counted where its subject is not to be kept (X9).
pub type SubjectHash = [u8; 32];

/// The content of a verified access token.
#[derive(Debug)]
pub struct Identity {
    /// The issuer's key for the account: `sub`.
    pub subject: String,
    /// SHA-256 of it.
    pub subject_hash: SubjectHash,
    /// Lower case, and only if the issuer verified it.
    pub email: Option<String>,
    /// Empty where the token has none.
    pub first_name: String,
    /// Empty where the token has none.
    pub last_name: String,
    /// The highest of the realm roles.
    pub role: Role,
    /// The client that the token was issued to: `azp`.
    pub client: String,
    /// When the token was issued: `iat`, seconds since the Unix epoch.
    pub issued_at: i64,
    /// When it ends: `exp`, seconds since the Unix epoch.
    pub expires_at: u64,
    /// The token itself, to be shown to another service on the caller's behalf.
    pub token: SecretString,
    /// The profile, once it was found or made.
    pub user: OnceCell<UserId>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    iat: i64,
    #[serde(default)]
    typ: String,
    #[serde(default)]
    azp: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    given_name: String,
    #[serde(default)]
    family_name: String,
    #[serde(default)]
    realm_access: RealmAccess,
}

#[derive(Default, Deserialize)]
struct RealmAccess {
    #[serde(default)]
    roles: Vec<String>,
}

/// The last look at the issuer's keys.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    failed: bool,
}

/// Verifies tokens of one issuer for one audience.
pub struct Verifier {
    issuer: Issuer,
    validation: Validation,
    keys: RwLock<HashMap<String, Arc<DecodingKey>>>,
    looked: Mutex<Option<Look>>,
    seen: moka::sync::Cache<[u8; 32], Arc<Identity>>,
}

impl Verifier {
    /// For tokens of `issuer` for `audience`. Reads no key yet.
    pub fn new(issuer: Issuer, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer.url()]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = SKEW.as_secs();
        Self {
            issuer,
            validation,
            keys: RwLock::default(),
            looked: Mutex::new(None),
            seen: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(REMEMBER).build(),
        }
    }

    /// The identity behind an `authorization` header's value.
    pub async fn verify(&self, header: Option<&[u8]>) -> Result<Arc<Identity>> {
        let header = header.ok_or(ErrorReason::TokenMissing)?;
        let header = std::str::from_utf8(header).map_err(|_| ErrorReason::TokenInvalid)?;
        // RFC 9110, 11.1: the scheme's case does not matter.
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start_matches(' '),
            _ => return Err(ErrorReason::TokenMissing.into()),
        };
        if token.len() > LARGEST {
            return Err(ErrorReason::TokenInvalid.into());
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(identity) = self.seen.get(&hash) {
            if clock::unix_seconds() >= identity.expires_at + SKEW.as_secs() {
                return Err(ErrorReason::TokenExpired.into());
            }
            return Ok(identity);
        }
        // On the heap, as it is seldom run: every call would have room for it, each time that its future is moved.
        let identity = Arc::new(Box::pin(self.check(token)).await?);
        self.seen.insert(hash, Arc::clone(&identity));
        Ok(identity)
    }

    /// Whether keys were read: a process without any can verify nobody yet. Asked every second, it also renews them.
    pub async fn ready(&self) -> bool {
        let empty = || self.keys.read().is_ok_and(|keys| keys.is_empty());
        let last = *self.looked.lock().await;
        if empty() || last.is_none_or(|look| clock::instant().duration_since(look.at) > RENEW) {
            let _ = self.refresh().await;
        }
        !empty()
    }

    async fn check(&self, token: &str) -> Result<Identity> {
        let invalid = |error: jsonwebtoken::errors::Error| Error::from(ErrorReason::TokenInvalid).because(error);
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        // RFC 7515, 4.1.11: an extension that must be understood, and is not.
        if header.alg != Algorithm::RS256 || header.crit.is_some() {
            return Err(Error::from(ErrorReason::TokenInvalid).because("algorithm or extension"));
        }
        let kid = header.kid.ok_or(ErrorReason::TokenInvalid)?;
        let key = self.key(&kid).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => ErrorReason::TokenExpired.into(),
                _ => invalid(error),
            })?
            .claims;
        // ID and refresh tokens are signed by the same keys.
        let subject = &claims.sub;
        let sound = (1..=255).contains(&subject.len()) && subject.bytes().all(|byte| byte.is_ascii_graphic());
        if claims.typ != "Bearer" || !sound {
            return Err(
                Error::from(ErrorReason::TokenInvalid).because("not an access token, or without a sound subject")
            );
        }
        Ok(Identity {
            role: role(&claims.realm_access.roles),
            subject_hash: Sha256::digest(&claims.sub).into(),
            subject: claims.sub,
            email: claims.email.filter(|_| claims.email_verified).map(|email| email.trim().to_lowercase()),
            first_name: claims.given_name.trim().to_owned(),
            last_name: claims.family_name.trim().to_owned(),
            client: claims.azp,
            issued_at: claims.iat,
            expires_at: claims.exp,
            token: token.into(),
            user: OnceCell::new(),
        })
    }

    async fn key(&self, kid: &str) -> Result<Arc<DecodingKey>> {
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        let looked = self.refresh().await;
        self.known(kid).ok_or_else(|| match looked {
            Ok(()) => Error::from(ErrorReason::TokenInvalid).because("unknown key id"),
            Err(error) => error,
        })
    }

    fn known(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.keys.read().ok()?.get(kid).cloned()
    }

    /// Reads the issuer's keys, unless somebody just did. The old ones stay in use while the issuer is down.
    async fn refresh(&self) -> Result<()> {
        let mut looked = self.looked.lock().await;
        if let Some(look) = looked.filter(|look| clock::instant().duration_since(look.at) < REFRESH) {
            return if look.failed { Err(ErrorReason::IdentityUnavailable.into()) } else { Ok(()) };
        }
        // Stamped after the fetch: who waited for it does not fetch again.
        let fetched = self.issuer.keys().await;
        let fetched = fetched.map_err(|error| Error::from(ErrorReason::IdentityUnavailable).because(error));
        let failed_before = looked.is_some_and(|look| look.failed);
        *looked = Some(Look { at: clock::instant(), failed: fetched.is_err() });
        if let Err(error) = &fetched
            && !failed_before
        {
            tracing::warn!(cause = error.cause(), "the issuer's keys cannot be read; it is asked again");
        }
        let set = fetched?;
        // Keycloak publishes a key for encryption beside those for signatures.
        let signing =
            set.keys.iter().filter(|key| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption)));
        let keys = signing.filter_map(|key| {
            let kid = key.common.key_id.clone()?;
            Some((kid, Arc::new(DecodingKey::from_jwk(key).ok()?)))
        });
        let keys: HashMap<_, _> = keys.collect();
        if let Ok(mut current) = self.keys.write() {
            *current = keys;
        }
        Ok(())
    }
}

fn role(roles: &[String]) -> Role {
    let has = |name: &str| roles.iter().any(|role| role == name);
    if has("service") {
        Role::Service
    } else if has("admin") {
        Role::Admin
    } else if has("moderator") {
        Role::Moderator
    } else {
        Role::Person
    }
}
