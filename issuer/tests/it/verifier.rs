//! A resource server's check of a credential, written from the rules (X4) and not from the issuer's code.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::Value;

const MAX_HEADER: usize = 8 * 1024;

/// Checks the value of an `Authorization` header against a key set; the claims if it is to be accepted.
pub(crate) fn verify(header: Option<&str>, keys: &Value, iss: &str) -> Result<Value, String> {
    let header = header.ok_or("no header")?;
    if header.len() > MAX_HEADER {
        return Err("oversized".into());
    }
    let (scheme, token) = header.split_once(' ').ok_or("no scheme")?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("another scheme".into());
    }
    let claims = verify_token(token.trim_start_matches(' '), keys, iss)?;
    if claims["typ"] != "Bearer" {
        return Err("another type of token".into());
    }
    let sub = claims["sub"].as_str().ok_or("no subject")?;
    if sub.is_empty() || sub.len() > 255 || sub.chars().any(|c| c.is_control() || !c.is_ascii()) {
        return Err("not a subject".into());
    }
    Ok(claims)
}

fn verify_token(token: &str, keys: &Value, iss: &str) -> Result<Value, String> {
    let said = |error: jsonwebtoken::errors::Error| error.to_string();
    let header = decode_header(token).map_err(said)?;
    if header.crit.is_some() {
        return Err("a critical extension".into());
    }
    let keys: JwkSet = serde_json::from_value(signing_keys(keys)).map_err(|e| e.to_string())?;
    let kid = header.kid.ok_or("no kid")?;
    let key = keys.find(&kid).ok_or("unknown kid")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["crewup-api"]);
    validation.set_issuer(&[iss]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.leeway = 30;
    validation.validate_nbf = true;
    let key = DecodingKey::from_jwk(key).map_err(said)?;
    Ok(decode::<Value>(token, &key, &validation).map_err(said)?.claims)
}

fn signing_keys(keys: &Value) -> Value {
    let all = keys["keys"].as_array().cloned().unwrap_or_default();
    let signing: Vec<Value> = all.into_iter().filter(|key| key["use"] == "sig").collect();
    serde_json::json!({ "keys": signing })
}
