//! The defects are defects, each by itself, and the harmless ones are not.

use std::collections::HashSet;

use crewup_issuer::{Person, defects};

use crate::{issuer, verifier::verify};

#[tokio::test]
async fn every_defect_is_refused() {
    let issuer = issuer().await;
    let keys = issuer.jwks();
    for defect in defects::all(&issuer, &Person::named("host")) {
        let verified = verify(defect.token.as_deref(), &keys, issuer.url());
        assert!(verified.is_err(), "{}: {}", defect.name, defect.why);
    }
}

#[tokio::test]
async fn everything_harmless_is_accepted() {
    let issuer = issuer().await;
    let keys = issuer.jwks();
    let host = Person::named("host");
    for harmless in defects::harmless(&issuer, &host) {
        match verify(harmless.token.as_deref(), &keys, issuer.url()) {
            Ok(claims) => assert_eq!(claims["sub"], host.sub(), "{}", harmless.name),
            Err(error) => panic!("{}: {error}, but {}", harmless.name, harmless.why),
        }
    }
}

#[tokio::test]
async fn names_are_unique_and_values_fit_a_header() {
    let issuer = issuer().await;
    let host = Person::named("host");
    let mut names = HashSet::new();
    let mut values = HashSet::new();
    let all = defects::all(&issuer, &host);
    assert!(all.len() >= 16, "{}", all.len());
    for defect in all.iter().chain(&defects::harmless(&issuer, &host)) {
        assert!(names.insert(defect.name), "{} twice", defect.name);
        assert!(values.insert(defect.token.clone()), "{} is another", defect.name);
        assert!(!defect.why.is_empty());
        if let Some(token) = &defect.token {
            reqwest::header::HeaderValue::from_str(token).expect("a header value");
        }
    }
}

#[tokio::test]
async fn the_oversized_token_is_honest_but_for_its_size() {
    let issuer = issuer().await;
    let all = defects::all(&issuer, &Person::named("host"));
    let oversized = all.iter().find(|defect| defect.name == "oversized");
    let header = oversized.and_then(|defect| defect.token.as_deref());
    let header = header.expect("in the list");
    assert!((9 * 1024..16 * 1024).contains(&header.len()), "{}", header.len());
}
