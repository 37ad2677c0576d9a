//! Headers that hold no token, or not just one.

use serde_json::json;

use super::{Defect, altered, bearer};
use crate::{Issuer, Person};

pub(super) fn all(issuer: &Issuer, person: &Person) -> Vec<Defect> {
    let token = issuer.token(person);
    let other = issuer.token(&Person::named("stranger"));
    let (signed, _) = token.rsplit_once('.').unwrap_or_default();
    let (header, _) = token.split_once('.').unwrap_or_default();
    // Base64 makes 4 of 3: together with the rest this is some 11 KiB, below the 16 KiB at which HTTP/2 servers
    // give up before they look.
    let padding = "x".repeat(7 * 1024);
    let defect = |name, token: String, why| Defect { name, token: Some(token), why };
    vec![
        Defect { name: "no_header", token: None, why: "nobody has signed in" },
        defect("empty", String::new(), "an empty header is no credential"),
        defect("scheme_only", "Bearer".into(), "there is no token"),
        defect("no_scheme", token.clone(), "a bare token has no scheme (RFC 6750, 2.1)"),
        defect("basic_scheme", format!("Basic {token}"), "the scheme says how to read the rest"),
        defect("scheme_with_suffix", format!("Bearerx {token}"), "only the whole scheme counts"),
        defect("scheme_twice", format!("Bearer Bearer {token}"), "one scheme, one token"),
        defect("not_a_jwt", "Bearer 0123456789abcdef".into(), "an opaque token is not ours"),
        defect("not_base64", "Bearer a$b.c$d.e$f".into(), "three parts, none of them readable"),
        defect("header_only", format!("Bearer {header}.."), "there is nothing that it could say"),
        defect("signature_missing", format!("Bearer {signed}."), "nobody vouches for it"),
        defect("two_parts", format!("Bearer {signed}"), "a compact JWS has three parts"),
        defect("four_parts", format!("Bearer {token}.AAAA"), "a compact JWS has three parts"),
        defect(
            "two_tokens_by_space",
            format!("Bearer {token} {other}"),
            "it does not say which of the two persons calls",
        ),
        defect(
            "two_tokens_by_comma",
            format!("Bearer {token}, Bearer {other}"),
            "what a proxy makes of two headers does not say who calls",
        ),
        defect(
            "oversized",
            bearer(&altered(issuer, person, json!({ "padding": padding }))),
            "over 9 KiB: no token of this realm is, and hashing it is work for nothing",
        ),
    ]
}
