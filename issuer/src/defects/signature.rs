//! Tokens that the realm's signing key does not vouch for.

use aws_lc_rs::hmac::HMAC_SHA256;
use serde_json::{Value, json};

use super::{Defect, bearer};
use crate::{Issuer, Person, jws, keys::Key, person::subject, realm::header};

pub(super) fn all(issuer: &Issuer, person: &Person) -> Vec<Defect> {
    let realm = issuer.realm();
    let key = realm.newest_key();
    let stranger = realm.stranger_key();
    let encryption = realm.encryption_key();
    let claims = issuer.claims(person);
    let signed_by = |header: Value, key: &Key| forged(&header, &claims, |text| key.sign(text));
    let shared_secret =
        |secret: &[u8]| forged(&header("HS256", key.kid()), &claims, |text| jws::hmac(HMAC_SHA256, secret, text));
    let with_own_key = json!({
        "alg": "RS256", "typ": "JWT", "kid": stranger.kid(), "jwk": stranger.jwk("RS256", "sig"),
    });
    let defect = |name, token: String, why| Defect { name, token: Some(bearer(&token)), why };
    let token = issuer.token(person);
    vec![
        defect("signature_truncated", token[..token.len() - 10].into(), "half a signature is none"),
        defect("payload_altered", payload_altered(&token, &claims), "the signature is for another subject"),
        defect(
            "unknown_key_known_kid",
            signed_by(header("RS256", key.kid()), stranger),
            "the name of a key is no proof of it",
        ),
        defect(
            "unknown_kid",
            signed_by(header("RS256", stranger.kid()), stranger),
            "the key is not in the set, also after one refresh",
        ),
        defect(
            "key_brought_along",
            signed_by(with_own_key, stranger),
            "a key in the header is the forger's own (RFC 8725, 3.10)",
        ),
        defect(
            "encryption_key",
            signed_by(header("RS256", encryption.kid()), &encryption),
            "the key is published for encryption (\"use\": \"enc\"), not for signatures",
        ),
        defect(
            "alg_none",
            forged(&header("none", key.kid()), &claims, |_| Vec::new()),
            "nobody vouches for it (RFC 8725, 2.1)",
        ),
        defect(
            "alg_none_signature_kept",
            forged(&header("none", key.kid()), &claims, |text| key.sign(text)),
            "an algorithm outside the allow-list, whatever follows",
        ),
        defect(
            "hs256_with_public_pem",
            shared_secret(key.public_pem().as_bytes()),
            "everybody knows the public key: it is no shared secret (RFC 8725, 2.1)",
        ),
        defect(
            "hs256_with_modulus",
            shared_secret(&key.modulus()),
            "everybody knows the modulus: it is no shared secret (RFC 8725, 2.1)",
        ),
        defect(
            "rs512",
            forged(&header("RS512", key.kid()), &claims, |text| key.sign_rs512(text)),
            "the key is published for RS256 only (RFC 7517, 4.4)",
        ),
        defect(
            "critical_extension",
            issuer.mint(&claims, &json!({ "crit": ["crewup"], "crewup": true })),
            "an extension that must be understood and is not (RFC 7515, 4.1.11)",
        ),
        defect(
            "refresh_token",
            realm.refresh_token(person, &crate::session::Session::begin("crewup-web", false)),
            "it is for the issuer, and signed with a secret of the issuer's",
        ),
        defect(
            "payload_not_json",
            jws::compact(&header("RS256", key.kid()), b"sub=host", |text| key.sign(text)),
            "well signed, and says nothing",
        ),
        defect("payload_a_list", issuer.mint(&json!([claims]), &json!({})), "claims are an object (RFC 7519, 4)"),
    ]
}

fn forged(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    jws::compact(header, claims.to_string().as_bytes(), sign)
}

/// Another subject under the signature of the first.
fn payload_altered(token: &str, claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["sub"] = subject("admin").to_string().into();
    let mut parts: Vec<String> = token.split('.').map(String::from).collect();
    if let Some(payload) = parts.get_mut(1) {
        *payload = jws::encode(claims.to_string());
    }
    parts.join(".")
}
