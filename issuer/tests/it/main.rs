//! The issuer from outside: over HTTP, as a process, and against a verifier that shares no code with it.
#![allow(clippy::disallowed_methods)] // a test has clocks and threads of its own
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and ends")]

mod admin;
mod defects;
mod down;
mod grants;
mod keys;
mod people;
mod process;
mod start;
mod verifier;

use crewup_issuer::{Config, Issuer};
use serde_json::Value;

/// An issuer on a free port.
async fn issuer() -> Issuer {
    Issuer::start(Config::development()).await.expect("the issuer starts")
}

/// A GET that answers JSON.
async fn get(url: &str) -> Value {
    let response = reqwest::get(url).await.expect("the issuer answers");
    assert_eq!(response.status(), 200, "{url}");
    response.json().await.expect("JSON")
}

/// A request of the token endpoint: status and body.
async fn post_token(issuer: &Issuer, fields: &[(&str, &str)]) -> (u16, Value) {
    let response =
        reqwest::Client::new().post(token_url(issuer)).form(fields).send().await.expect("the issuer answers");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

fn token_url(issuer: &Issuer) -> String {
    format!("{}/protocol/openid-connect/token", issuer.url())
}
