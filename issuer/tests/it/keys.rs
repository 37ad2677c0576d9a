//! Discovery, the key set, rotation, and keys that outlive the process.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use crewup_issuer::{Config, Error, Issuer, Person};
use serde_json::Value;

use crate::{get, issuer, verifier::verify};

fn accepted(issuer: &Issuer, token: &str) -> bool {
    verify(Some(&format!("Bearer {token}")), &issuer.jwks(), issuer.url()).is_ok()
}

#[tokio::test]
async fn discovery_leads_to_the_keys_that_verify_a_token() {
    let issuer = issuer().await;
    let discovery = format!("{}/.well-known/openid-configuration", issuer.url());
    let found = get(&discovery).await;
    assert_eq!(found["issuer"], issuer.url());
    let keys = get(found["jwks_uri"].as_str().expect("a URL")).await;
    let token = format!("Bearer {}", issuer.token(&Person::named("host")));
    let claims = verify(Some(&token), &keys, issuer.url()).expect("accepted");
    assert_eq!(claims["preferred_username"], "host");
    assert_eq!(issuer.certs_served(), 1);
}

#[tokio::test]
async fn the_key_set_has_one_key_to_verify_with_and_one_that_must_not() {
    let issuer = issuer().await;
    let keys = issuer.jwks();
    let keys = keys["keys"].as_array().expect("a list");
    let of = |usage: &str| -> Vec<&Value> { keys.iter().filter(|k| k["use"] == usage).collect() };
    assert_eq!(of("sig").len(), 1);
    assert_eq!(of("enc").len(), 1);
    assert_eq!(of("sig")[0]["kid"], issuer.kid());
    assert_eq!(of("sig")[0]["alg"], "RS256");
    for key in keys {
        assert_eq!(key["kty"], "RSA");
        assert_eq!(key["e"], "AQAB");
        assert_eq!(key["n"].as_str().expect("base64url").len(), 342);
    }
}

#[tokio::test]
async fn a_new_key_signs_at_once_and_the_old_one_stays_until_retired() {
    let issuer = issuer().await;
    let old_kid = issuer.kid();
    let before = issuer.token(&Person::named("host"));
    let kid = issuer.rotate().expect("a new key");
    assert_ne!(kid, old_kid);
    assert_eq!(issuer.kid(), kid);
    let after = issuer.token(&Person::named("host"));
    let header = jsonwebtoken::decode_header(&after).expect("a header");
    assert_eq!(header.kid.as_deref(), Some(kid.as_str()));
    assert!(accepted(&issuer, &before));
    assert!(accepted(&issuer, &after));
    issuer.retire().expect("retired");
    assert!(!accepted(&issuer, &before));
    assert!(accepted(&issuer, &after));
}

#[tokio::test]
async fn rotation_over_http_is_not_for_browsers() {
    let issuer = issuer().await;
    let kid = issuer.kid();
    let url = format!("http://{}/dev/rotate", issuer.addr());
    let client = reqwest::Client::new();
    let page = client.post(&url).header("origin", "https://evil.example");
    assert_eq!(page.send().await.expect("an answer").status(), 403);
    assert_eq!(issuer.kid(), kid);

    let rotated = client.post(format!("{url}?retire=true")).send().await;
    let body: Value = rotated.expect("an answer").json().await.expect("JSON");
    assert_eq!(body["kid"], issuer.kid());
    assert_ne!(issuer.kid(), kid);
    assert!(!issuer.jwks().to_string().contains(&kid));
}

#[tokio::test]
async fn kept_keys_keep_tokens_valid() {
    let file = KeyFile::new("kept");
    let config = Config { key_file: Some(file.0.clone()), ..Config::development() };
    let first = Issuer::start(config.clone()).await.expect("starts");
    let mode = fs::metadata(&file.0).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let config = Config { addr: first.addr(), ..config };
    let old = first.token(&Person::named("host"));
    first.rotate().expect("a new key");
    let new = first.token(&Person::named("host"));
    let kid = first.kid();
    drop(first);

    let second = Issuer::start(config).await.expect("starts again");
    assert_eq!(second.kid(), kid);
    assert!(accepted(&second, &old));
    assert!(accepted(&second, &new));
}

#[tokio::test]
async fn a_file_of_something_else_is_left_alone() {
    let file = KeyFile::new("else");
    fs::write(&file.0, "my diary").expect("written");
    let config = Config { key_file: Some(file.0.clone()), ..Config::development() };
    let refused = Issuer::start(config).await;
    assert!(matches!(refused, Err(Error::KeyFile { .. })));
    assert_eq!(fs::read_to_string(&file.0).expect("there"), "my diary");
}

/// A path of this test's own, removed at its end.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(name: &str) -> Self {
        let file = format!("crewup-issuer-{name}-{}.pem", std::process::id());
        Self(std::env::temp_dir().join(file))
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
