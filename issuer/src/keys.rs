//! The keys of the realm: one signs, the earlier ones stay published, one is for encryption and must not matter.

use std::sync::Arc;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair},
};
use serde_json::{Value, json};

use crate::{Error, Result, jws};

/// An RSA key and its name.
pub(crate) struct Key {
    kid: String,
    pair: RsaKeyPair,
    /// The public half as X.509 SubjectPublicKeyInfo: what a PEM "PUBLIC KEY" holds.
    spki: Vec<u8>,
}

impl Key {
    /// A new key of 2048 bits: some 100 ms.
    pub(crate) fn generate() -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::KeyGeneration)?;
        Self::new(pair)
    }

    /// The key of a PKCS #8 document.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        Self::new(RsaKeyPair::from_pkcs8(der).ok()?).ok()
    }

    fn new(pair: RsaKeyPair) -> Result<Self> {
        let public = pair.public_key();
        let spki: PublicKeyX509Der<'_> = public.as_der().map_err(|_| Error::KeyGeneration)?;
        let spki = spki.as_ref().to_vec();
        // Keycloak's way: the name of a key is the hash of its public half.
        let kid = jws::encode(digest::digest(&digest::SHA256, &spki));
        Ok(Self { kid, pair, spki })
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a PKCS #8 document.
    pub(crate) fn pkcs8(&self) -> Result<Vec<u8>> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| Error::KeyGeneration)?;
        Ok(der.as_ref().to_vec())
    }

    /// The public half as PEM, the way people paste it into configurations.
    pub(crate) fn public_pem(&self) -> String {
        crate::keyfile::pem("PUBLIC KEY", &self.spki)
    }

    /// The modulus, big-endian.
    pub(crate) fn modulus(&self) -> Vec<u8> {
        let public = self.pair.public_key();
        public.modulus().big_endian_without_leading_zero().to_vec()
    }

    /// An RS256 signature.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(&RSA_PKCS1_SHA256, message)
    }

    /// An RS512 signature, which nobody asked this key for.
    pub(crate) fn sign_rs512(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(&RSA_PKCS1_SHA512, message)
    }

    #[allow(
        clippy::expect_used,
        reason = "a checked key and a buffer of its own length: only a broken library fails here, and a token \
                  without a signature must not pass for one"
    )]
    fn sign_as(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(padding, &SystemRandom::new(), message, &mut signature).expect("a checked RSA key signs");
        signature
    }

    /// The public half as a JSON Web Key.
    pub(crate) fn jwk(&self, algorithm: &str, usage: &str) -> Value {
        let public = self.pair.public_key();
        json!({
            "kid": self.kid,
            "kty": "RSA",
            "alg": algorithm,
            "use": usage,
            "n": jws::encode(public.modulus().big_endian_without_leading_zero()),
            "e": jws::encode(public.exponent().big_endian_without_leading_zero()),
        })
    }
}

/// The keys of the realm, the newest last.
pub(crate) struct KeyRing {
    signing: Vec<Arc<Key>>,
    newest: Arc<Key>,
    encryption: Arc<Key>,
}

impl KeyRing {
    /// A ring in which `newest` signs and the earlier ones are still published.
    pub(crate) fn new(earlier: Vec<Key>, newest: Key, encryption: Key) -> Self {
        let newest = Arc::new(newest);
        let mut signing: Vec<Arc<Key>> = earlier.into_iter().map(Arc::new).collect();
        signing.push(newest.clone());
        Self { signing, newest, encryption: Arc::new(encryption) }
    }

    /// The key that signs.
    pub(crate) fn newest(&self) -> Arc<Key> {
        self.newest.clone()
    }

    /// The key that is published for encryption only.
    pub(crate) fn encryption(&self) -> Arc<Key> {
        self.encryption.clone()
    }

    /// Every published signing key, the newest last.
    pub(crate) fn signing(&self) -> &[Arc<Key>] {
        &self.signing
    }

    /// Makes a key the one that signs. The others stay published.
    pub(crate) fn add(&mut self, key: Key) {
        self.newest = Arc::new(key);
        self.signing.push(self.newest.clone());
    }

    /// Publishes no key any more but the one that signs.
    pub(crate) fn retire(&mut self) {
        self.signing = vec![self.newest.clone()];
    }

    /// The key set as Keycloak publishes it, an RSA-OAEP key included: verifiers must go by `use`.
    pub(crate) fn jwks(&self) -> Value {
        let signing = self.signing.iter().rev().map(|key| key.jwk("RS256", "sig"));
        let keys: Vec<Value> = signing.chain([self.encryption.jwk("RSA-OAEP", "enc")]).collect();
        json!({ "keys": keys })
    }
}
