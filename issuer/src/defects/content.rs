//! Tokens that the realm did sign, and that still give no access.

use serde_json::{Value, json};

use super::{Defect, altered, bearer};
use crate::{Issuer, Person, clock};

pub(super) fn all(issuer: &Issuer, person: &Person) -> Vec<Defect> {
    cases(issuer)
        .into_iter()
        .map(|(name, changes, why)| Defect { name, token: Some(bearer(&altered(issuer, person, changes))), why })
        .collect()
}

/// Name, the claims that differ from an honest token (`null`: missing), why it must be refused.
fn cases(issuer: &Issuer) -> Vec<(&'static str, Value, &'static str)> {
    let now = clock::now();
    let url = issuer.url();
    let master = url.replace("/realms/crewup", "/realms/master");
    vec![
        ("wrong_iss", json!({ "iss": "https://evil.example/realms/crewup" }), "another issuer's word"),
        ("other_realm", json!({ "iss": master }), "another realm of the same server has other people"),
        (
            "iss_with_slash",
            json!({ "iss": format!("{url}/") }),
            "issuers are compared letter by letter (OpenID Connect Discovery, 4.3)",
        ),
        ("iss_missing", json!({ "iss": null }), "nobody says whose people these are"),
        (
            "wrong_aud",
            json!({ "aud": "account" }),
            "a token for another API; Keycloak's default without an audience mapper",
        ),
        ("aud_is_client", json!({ "aud": ["crewup-web"] }), "a token for the client"),
        ("aud_missing", json!({ "aud": null }), "a token for anybody is for nobody"),
        ("aud_empty", json!({ "aud": [] }), "a token for anybody is for nobody"),
        ("expired", json!({ "iat": now - 345, "exp": now - 45 }), "it ended more than the skew of 30 s ago"),
        ("exp_missing", json!({ "exp": null }), "it would be valid for ever"),
        ("exp_not_a_number", json!({ "exp": "never" }), "an end that cannot be read is no end"),
        ("not_yet_valid", json!({ "nbf": now + 240 }), "it begins later than the skew of 30 s from now"),
        (
            "id_token",
            json!({ "typ": "ID" }),
            "it tells a client who signed in, signed with the same key; it gives no access",
        ),
        ("refresh_typ", json!({ "typ": "Refresh" }), "it is for the issuer"),
        ("typ_missing", json!({ "typ": null }), "Keycloak's access tokens always say Bearer"),
        ("sub_missing", json!({ "sub": null }), "nobody's token (Keycloak without the scope basic)"),
        ("sub_empty", json!({ "sub": "" }), "nobody's token"),
        ("sub_not_a_string", json!({ "sub": 17 }), "a subject is a string (RFC 7519, 4.1.2)"),
        (
            "sub_too_long",
            json!({ "sub": "s".repeat(256) }),
            "a subject has at most 255 characters (OpenID Connect Core, 2)",
        ),
        ("sub_with_nul", json!({ "sub": "host\u{0}" }), "a subject is ASCII text, and no database keeps a NUL"),
    ]
}
