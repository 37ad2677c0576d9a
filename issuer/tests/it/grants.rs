//! The token endpoint, grant by grant, and whom it turns away.

use crewup_issuer::{Issuer, subject};
use serde_json::{Value, json};

use crate::{get, issuer, post_token, token_url, verifier::verify};

pub(crate) const SIGN_IN: [(&str, &str); 4] =
    [("grant_type", "password"), ("client_id", "crewup-cli"), ("username", "host"), ("password", "crewup")];

pub(crate) async fn claims(issuer: &Issuer, token: &Value) -> Value {
    let header = format!("Bearer {}", token.as_str().expect("a token"));
    verify(Some(&header), &issuer.jwks(), issuer.url()).expect("accepted")
}

#[tokio::test]
async fn password_gives_what_keycloak_gives() {
    let issuer = issuer().await;
    let (status, body) = post_token(&issuer, &SIGN_IN).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["id_token"], Value::Null);

    let token = body["access_token"].as_str().expect("a token");
    let header = jsonwebtoken::decode_header(token).expect("a header");
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(header.kid, Some(issuer.kid()));

    let claims = claims(&issuer, &body["access_token"]).await;
    let expected = json!({
        "iss": issuer.url(), "aud": ["crewup-api", "account"], "sub": subject("host").to_string(),
        "typ": "Bearer", "azp": "crewup-cli", "acr": "1", "scope": "email profile", "email_verified": true,
        "name": "Host Demo", "preferred_username": "host", "given_name": "Host", "family_name": "Demo",
        "email": "host@crewup.example",
    });
    for (claim, value) in expected.as_object().expect("an object") {
        assert_eq!(&claims[claim], value, "{claim}");
    }
    let iat = claims["iat"].as_i64().expect("a number");
    assert_eq!(claims["exp"], iat + 300);
    for claim in ["auth_time", "jti", "sid", "allowed-origins", "realm_access", "resource_access"] {
        assert!(!claims[claim].is_null(), "{claim}");
    }
}

#[tokio::test]
async fn openid_adds_an_id_token_and_a_refresh_keeps_the_session() {
    let issuer = issuer().await;
    let openid = [&SIGN_IN[..], &[("scope", "openid offline_access")]].concat();
    let (_, body) = post_token(&issuer, &openid).await;
    assert!(body["id_token"].is_string());
    assert_eq!(body["scope"], "openid email profile");
    let first = claims(&issuer, &body["access_token"]).await;

    let refresh = body["refresh_token"].as_str().expect("a token");
    let fields = [("grant_type", "refresh_token"), ("client_id", "crewup-cli"), ("refresh_token", refresh)];
    let (status, body) = post_token(&issuer, &fields).await;
    assert_eq!(status, 200, "{body}");
    let second = claims(&issuer, &body["access_token"]).await;
    for claim in ["sub", "sid", "auth_time", "azp", "email"] {
        assert_eq!(first[claim], second[claim], "{claim}");
    }
    assert_ne!(first["jti"], second["jti"]);

    let mut other = fields;
    other[1].1 = "crewup-web";
    let (status, body) = post_token(&issuer, &other).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_service_signs_in_as_itself() {
    let issuer = issuer().await;
    let form =
        [("grant_type", "client_credentials"), ("client_id", "crewup-event"), ("client_secret", "crewup_dev_secret")];
    let (status, by_form) = post_token(&issuer, &form).await;
    assert_eq!(status, 200, "{by_form}");
    let by_header = reqwest::Client::new()
        .post(token_url(&issuer))
        .basic_auth("crewup-event", Some("crewup_dev_secret"))
        .form(&form[..1])
        .send()
        .await
        .expect("an answer");
    let by_header: Value = by_header.json().await.expect("JSON");
    let in_process = json!({ "access_token": issuer.service_token("event") });
    for body in [by_form, by_header, in_process] {
        let claims = claims(&issuer, &body["access_token"]).await;
        assert_eq!(claims["azp"], "crewup-event");
        assert_eq!(claims["aud"], "crewup-api");
        let account = "service-account-crewup-event";
        assert_eq!(claims["preferred_username"], account);
        assert_eq!(claims["sub"], subject(account).to_string());
        let roles = claims["realm_access"]["roles"].as_array();
        assert!(roles.expect("roles").contains(&json!("service")));
        for claim in ["email", "name", "sid"] {
            assert!(claims[claim].is_null(), "{claim}");
        }
        assert!(body["refresh_token"].is_null());
    }
}

#[tokio::test]
async fn refusals_are_keycloaks() {
    let issuer = issuer().await;
    let user = [("username", "host"), ("password", "crewup")];
    let cli = ("client_id", "crewup-cli");
    let password = ("grant_type", "password");
    let service = ("grant_type", "client_credentials");
    let event = ("client_id", "crewup-event");
    let secret = ("client_secret", "crewup_dev_secret");
    let refresh = ("grant_type", "refresh_token");
    for (fields, status, error) in [
        (vec![], 400, "invalid_request"),
        (vec![cli, user[0], user[1]], 400, "invalid_request"),
        (vec![password, password], 400, "invalid_request"),
        (vec![("grant_type", "x")], 400, "unsupported_grant_type"),
        (vec![password, user[0], user[1]], 401, "invalid_client"),
        (vec![password, ("client_id", "x"), user[0]], 401, "invalid_client"),
        (vec![password, ("client_id", "crewup-x"), secret], 401, "invalid_client"),
        (vec![password, cli, user[0]], 401, "invalid_grant"),
        (vec![password, cli, user[1]], 401, "invalid_request"),
        (vec![password, cli, user[0], ("password", "x")], 401, "invalid_grant"),
        (vec![password, cli, ("username", "A b"), user[1]], 401, "invalid_grant"),
        (vec![password, cli, ("username", ""), user[1]], 401, "invalid_grant"),
        (vec![password, event, secret, user[0], user[1]], 400, "unauthorized_client"),
        (vec![service, event], 401, "unauthorized_client"),
        (vec![service, event, ("client_secret", "x")], 401, "unauthorized_client"),
        (vec![service, cli], 401, "unauthorized_client"),
        (vec![refresh, cli], 400, "invalid_request"),
        (vec![refresh, cli, ("refresh_token", "a.b.c")], 400, "invalid_grant"),
    ] {
        let (got, body) = post_token(&issuer, &fields).await;
        assert_eq!((got, &body["error"]), (status, &json!(error)), "{fields:?}");
        assert!(body["error_description"].is_string(), "{fields:?}");
    }
    let json = reqwest::Client::new()
        .post(token_url(&issuer))
        .json(&json!({ "grant_type": "password" }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(json.status(), 400);
    let wrong = reqwest::Client::new()
        .post(token_url(&issuer))
        .basic_auth("crewup-event", Some("wrong"))
        .form(&[service])
        .send()
        .await
        .expect("an answer");
    assert_eq!(wrong.headers()["www-authenticate"], "Basic realm=\"crewup\"");
}

#[tokio::test]
async fn pages_on_loopback_may_ask_and_others_may_not() {
    let issuer = issuer().await;
    let client = reqwest::Client::new();
    for (origin, welcome) in [("http://localhost:5173", true), ("https://evil.example", false)] {
        let preflight = client
            .request(reqwest::Method::OPTIONS, token_url(&issuer))
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let request = client.post(token_url(&issuer)).header("origin", origin).form(&SIGN_IN);
        for sent in [preflight, request] {
            let response = sent.send().await.expect("an answer");
            assert!(response.status().is_success());
            let allowed = response.headers().get("access-control-allow-origin");
            assert_eq!(allowed.is_some_and(|value| value == origin), welcome);
            assert_eq!(response.headers()["vary"], "Origin");
        }
    }
    let elsewhere = format!("http://{}/health", issuer.addr());
    assert_eq!(get(&elsewhere).await["status"], "UP");
}
