//! The realm: who is in it, and what it signs. Shared by the HTTP side and by the tests that mint in-process.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};

use crate::{
    Accounts, Config, Error, Person, Result, claims, clock, jws, keyfile,
    keys::{Key, KeyRing},
    session::{REFRESH_LIFETIME, Session},
};

pub(crate) struct Realm {
    pub(crate) config: Config,
    /// The `iss` claim.
    pub(crate) url: String,
    keys: RwLock<KeyRing>,
    stranger: Key,
    refresh_secret: Vec<u8>,
    certs_served: AtomicU64,
    pub(crate) accounts: Accounts,
}

impl Realm {
    /// Reads or makes the keys. Three RSA keys: some 200 ms of computing.
    pub(crate) fn open(config: Config, url: String) -> Result<Self> {
        let (encryption, stranger, kept) = thread::scope(|scope| {
            let encryption = scope.spawn(Key::generate);
            let stranger = scope.spawn(Key::generate);
            let kept = signing_keys(&config);
            (encryption.join(), stranger.join(), kept)
        });
        let made = |key: thread::Result<Result<Key>>| key.unwrap_or(Err(Error::KeyGeneration));
        let (earlier, newest) = kept?;
        // Derived, so that a kept key file keeps sessions too.
        let first = earlier.first().unwrap_or(&newest);
        let refresh_secret = digest::digest(&digest::SHA512, &first.pkcs8()?);
        let realm = Self {
            keys: RwLock::new(KeyRing::new(earlier, newest, made(encryption)?)),
            config,
            url,
            stranger: made(stranger)?,
            refresh_secret: refresh_secret.as_ref().to_vec(),
            certs_served: AtomicU64::new(0),
            accounts: Accounts::default(),
        };
        realm.change_keys(|_| ())?;
        Ok(realm)
    }

    pub(crate) fn newest_key(&self) -> Arc<Key> {
        self.ring(KeyRing::newest)
    }

    pub(crate) fn encryption_key(&self) -> Arc<Key> {
        self.ring(KeyRing::encryption)
    }

    /// A key that was never published.
    pub(crate) fn stranger_key(&self) -> &Key {
        &self.stranger
    }

    /// The key set, and a count of who asked for it: tests hold resource servers to a bounded rate.
    pub(crate) fn serve_certs(&self) -> Value {
        self.certs_served.fetch_add(1, Ordering::Relaxed);
        self.ring(KeyRing::jwks)
    }

    pub(crate) fn jwks(&self) -> Value {
        self.ring(KeyRing::jwks)
    }

    pub(crate) fn certs_served(&self) -> u64 {
        self.certs_served.load(Ordering::Relaxed)
    }

    /// A new key signs from now on; its name.
    pub(crate) fn rotate(&self) -> Result<String> {
        let key = Key::generate()?;
        let kid = key.kid().to_owned();
        self.change_keys(|ring| ring.add(key))?;
        Ok(kid)
    }

    pub(crate) fn retire(&self) -> Result<()> {
        self.change_keys(KeyRing::retire)
    }

    fn ring<T>(&self, look: impl FnOnce(&KeyRing) -> T) -> T {
        look(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the ring and keeps it, under one lock: the file never goes back to an older ring.
    fn change_keys(&self, change: impl FnOnce(&mut KeyRing)) -> Result<()> {
        let mut ring = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut ring);
        match &self.config.key_file {
            Some(path) => keyfile::write(path, ring.signing()),
            None => Ok(()),
        }
    }

    pub(crate) fn access_claims(&self, person: &Person, session: &Session) -> Value {
        claims::access(&self.config, &self.url, person, session)
    }

    pub(crate) fn id_claims(&self, person: &Person, session: &Session) -> Value {
        claims::id(&self.config, &self.url, person, session)
    }

    pub(crate) fn service_claims(&self, service: &str) -> Value {
        claims::service(&self.config, &self.url, service)
    }

    pub(crate) fn sync_claims(&self) -> Value {
        claims::sync(&self.config, &self.url)
    }

    /// Claims as a token, signed by the newest key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let key = self.newest_key();
        let header = header("RS256", key.kid());
        jws::compact(&header, claims.to_string().as_bytes(), |message| key.sign(message))
    }

    /// A refresh token: Keycloak signs it with a secret of its own, for nobody else can use it.
    pub(crate) fn refresh_token(&self, person: &Person, session: &Session) -> String {
        let claims = session.refresh_claims(&self.url, person.sub(), person.name(), clock::now());
        let kid = jws::encode(digest::digest(&digest::SHA256, &self.refresh_secret));
        let payload = claims.to_string();
        jws::compact(&header("HS512", &kid), payload.as_bytes(), |message| {
            jws::hmac(hmac::HMAC_SHA512, &self.refresh_secret, message)
        })
    }

    /// The session and the user name of a refresh token, if it is ours and still good for that client.
    pub(crate) fn resume(&self, refresh_token: &str, client: &str) -> Option<(Session, String)> {
        let claims = jws::verified(refresh_token, &self.refresh_secret)?;
        let name = claims["preferred_username"].as_str()?.to_owned();
        let session = Session::resume(&claims)?;
        let usable =
            claims["exp"].as_i64()? > clock::now() && claims["iss"] == self.url.as_str() && session.client == client;
        usable.then_some((session, name))
    }

    /// How long a refresh token is good for, as the token response tells it.
    pub(crate) const REFRESH_LIFETIME: i64 = REFRESH_LIFETIME;
}

/// The header that Keycloak writes.
pub(crate) fn header(algorithm: &str, kid: &str) -> Value {
    json!({ "alg": algorithm, "typ": "JWT", "kid": kid })
}

/// The kept signing keys and the newest of them, or one new key.
fn signing_keys(config: &Config) -> Result<(Vec<Key>, Key)> {
    let mut kept = match &config.key_file {
        Some(path) => keyfile::read(path)?,
        None => Vec::new(),
    };
    let newest = match kept.pop() {
        Some(newest) => newest,
        None => Key::generate()?,
    };
    Ok((kept, newest))
}
