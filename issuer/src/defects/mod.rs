//! Credentials that a resource server must refuse, and odd ones that it must not, as data.
//!
//! Each defect is one step away from an honest token of the same person, so that a server which lets it pass has
//! exactly the hole that the defect is named after. The answer to every one of them is `UNAUTHENTICATED`, without
//! a word on which check failed.

mod content;
mod form;
mod signature;

use serde_json::{Value, json};

use crate::{Issuer, Person, clock, issuer::apply};

/// A credential and what is special about it.
#[derive(Clone, Debug)]
pub struct Defect {
    /// A name for test output, unique in its list.
    pub name: &'static str,
    /// The value of the `Authorization` header as it is sent; `None` sends no header.
    pub token: Option<String>,
    /// Why it must be refused or, in [`harmless`], why it must not.
    pub why: &'static str,
}

/// Everything that must be refused. Made for the moment: some times in it are only minutes away.
pub fn all(issuer: &Issuer, person: &Person) -> Vec<Defect> {
    let mut defects = form::all(issuer, person);
    defects.extend(signature::all(issuer, person));
    defects.extend(content::all(issuer, person));
    defects
}

/// What looks odd and must be accepted, within the next 15 seconds.
pub fn harmless(issuer: &Issuer, person: &Person) -> Vec<Defect> {
    let now = clock::now();
    let token = issuer.token(person);
    let changed = |changes: Value| bearer(&altered(issuer, person, changes));
    vec![
        Defect { name: "as_issued", token: Some(bearer(&token)), why: "nothing is wrong with it" },
        Defect {
            name: "lower_case_scheme",
            token: Some(format!("bearer {token}")),
            why: "schemes are case-insensitive (RFC 9110, 11.1)",
        },
        Defect {
            name: "upper_case_scheme",
            token: Some(format!("BEARER {token}")),
            why: "schemes are case-insensitive (RFC 9110, 11.1)",
        },
        Defect {
            name: "two_spaces",
            token: Some(format!("Bearer  {token}")),
            why: "one or more spaces follow a scheme (RFC 9110, 11.4)",
        },
        Defect {
            name: "audience_as_string",
            token: Some(changed(json!({ "aud": issuer.config().audience }))),
            why: "a single audience may be a plain string (RFC 7519, 4.1.3)",
        },
        Defect {
            name: "audience_among_others",
            token: Some(changed(json!({ "aud": ["account", "realm-management", issuer.config().audience] }))),
            why: "one of the audiences is enough (RFC 7519, 4.1.3)",
        },
        Defect {
            name: "expired_within_skew",
            token: Some(changed(json!({ "exp": now - 10, "iat": now - 310 }))),
            why: "clocks may differ by 30 s",
        },
        Defect {
            name: "not_before_within_skew",
            token: Some(changed(json!({ "nbf": now + 20, "iat": now + 20 }))),
            why: "clocks may differ by 30 s",
        },
        Defect {
            name: "unknown_claims_and_roles",
            token: Some(changed(json!({
                "realm_access": { "roles": person.roles.iter().map(String::as_str)
                    .chain(["something-else"]).collect::<Vec<_>>() },
                "groups": ["/a"], "https://example.com/x": { "y": [null] },
            }))),
            why: "claims that are not understood are ignored (RFC 7519, 4)",
        },
        Defect {
            name: "access_token_media_type",
            token: Some(bearer(&issuer.mint(&issuer.claims(person), &json!({ "typ": "at+jwt" })))),
            why: "Keycloak writes this type for clients that follow RFC 9068",
        },
    ]
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// An honest token but for these claims; `null` takes one away.
fn altered(issuer: &Issuer, person: &Person, changes: Value) -> String {
    let mut claims = issuer.claims(person);
    if let (Value::Object(claims), Value::Object(changes)) = (&mut claims, &changes) {
        apply(claims, changes);
    }
    issuer.mint(&claims, &json!({}))
}
