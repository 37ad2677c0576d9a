//! Who can sign in, and what their tokens say.

use crewup_issuer::{Config, Issuer, Person, subject};
use serde_json::json;

use crate::{
    grants::{SIGN_IN, claims},
    issuer, post_token,
};

#[tokio::test]
async fn anybody_can_sign_in_and_is_always_the_same() {
    let issuer = issuer().await;
    for name in ["person-17", "mod", "admin", "a.b_c"] {
        let mut fields = SIGN_IN;
        fields[2].1 = name;
        let (status, body) = post_token(&issuer, &fields).await;
        assert_eq!(status, 200, "{name}: {body}");
        let claims = claims(&issuer, &body["access_token"]).await;
        assert_eq!(claims["sub"], subject(name).to_string());
        assert_eq!(claims["email"], format!("{name}@crewup.example"));
        let roles = claims["realm_access"]["roles"].to_string();
        assert_eq!(roles.contains("\"moderator\""), name == "mod");
        assert_eq!(roles.contains("\"admin\""), name == "admin");
        assert!(!roles.contains("\"service\""));
    }
    // Computed by another implementation: uuid.uuid5(uuid.NAMESPACE_URL, ..) of Python.
    assert_eq!(subject("host").to_string(), "1376ee7f-7182-583d-a986-eed3cf416865");
}

#[tokio::test]
async fn a_person_can_be_anything() {
    let people = vec![Person::named("guest").with_roles(["moderator"])];
    let config = Config { people, ..Config::development() };
    let issuer = Issuer::start(config).await.expect("starts");
    let mut fields = SIGN_IN;
    fields[2].1 = "guest";
    let (_, body) = post_token(&issuer, &fields).await;
    let guest = claims(&issuer, &body["access_token"]).await;
    let roles = guest["realm_access"]["roles"].to_string();
    assert!(roles.contains("\"moderator\""), "{roles}");

    let now = guest["iat"].as_i64().expect("a number");
    let odd = Person::named("odd").with_sub("another").without_email().without_name().with_issued_at(now - 100);
    let claims = issuer.claims(&odd);
    assert_eq!(claims["sub"], "another");
    assert_eq!(claims["email_verified"], false);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now - 100), &json!(now + 200)));
    for claim in ["email", "name", "given_name", "family_name"] {
        assert!(claims.get(claim).is_none(), "{claim}");
    }
    let ended = issuer.claims(&odd.with_expires_at(now - 1).with_given_name("Ada"));
    assert_eq!(ended["exp"], now - 1);
    assert_eq!(ended["name"], "Ada");
}
