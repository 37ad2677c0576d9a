//! Secrets in links: who has the link, may (E20). The database keeps a hash only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// A new secret, 256 random bits: the text that goes into the link and is shown once.
#[must_use]
pub fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// What is stored of a secret. Unsalted, and no slow hash: nobody guesses 256 bits, and it is looked up by.
#[must_use]
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}
