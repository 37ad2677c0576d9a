//! The paths of Keycloak that a resource server or a client without a browser uses, and two of our own.

mod admin;
mod cors;
mod grants;
mod reply;
mod token;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{Config, realm::Realm};

pub(crate) fn router(realm: Arc<Realm>) -> Router {
    let oidc = "/realms/crewup/protocol/openid-connect";
    Router::new()
        .route("/realms/crewup/.well-known/openid-configuration", get(discovery))
        .route(&format!("{oidc}/certs"), get(certs))
        .route(&format!("{oidc}/token"), post(token::token).options(token::preflight))
        .route("/health", get(|| async { Json(json!({ "status": "UP" })) }))
        .route("/dev/rotate", post(rotate))
        .merge(admin::router(realm.clone()))
        .fallback(|| async {
            let body = json!({ "error": "HTTP 404 Not Found" });
            (StatusCode::NOT_FOUND, Json(body))
        })
        .with_state(realm)
}

/// OpenID Connect Discovery. Only what there is: a client must not be led to a sign-in page that does not exist.
async fn discovery(State(realm): State<Arc<Realm>>) -> Response {
    let url = &realm.url;
    let oidc = format!("{url}/protocol/openid-connect");
    public(json!({
        "issuer": url,
        "token_endpoint": format!("{oidc}/token"),
        "jwks_uri": format!("{oidc}/certs"),
        "grant_types_supported": ["password", "client_credentials", "refresh_token"],
        // Required by the standard; there is no endpoint to send one to.
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["openid", "email", "profile"],
        "claims_supported": [
            "aud", "sub", "iss", "auth_time", "name", "given_name", "family_name", "preferred_username", "email",
            "acr"
        ],
        "claim_types_supported": ["normal"],
    }))
}

async fn certs(State(realm): State<Arc<Realm>>) -> Response {
    public(realm.serve_certs())
}

/// What Keycloak shows to every origin, and lets nobody keep.
fn public(body: Value) -> Response {
    let headers = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Json(body)).into_response()
}

/// `POST /dev/rotate`: a new key signs. With `?retire=true` the old ones are not published any more.
async fn rotate(
    State(realm): State<Arc<Realm>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    // A page somewhere on the web could otherwise sign a developer out by a simple request to localhost.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "not for browsers").into_response();
    }
    let retire = query.contains(&("retire".into(), "true".into()));
    let rotated = tokio::task::spawn_blocking(move || -> crate::Result<String> {
        let kid = realm.rotate()?;
        if retire {
            realm.retire()?;
        }
        Ok(kid)
    });
    match rotated.await {
        Ok(Ok(kid)) => Json(json!({ "kid": kid })).into_response(),
        Ok(Err(error)) => failed(&error.to_string()),
        Err(_) => failed("the new key was not made"),
    }
}

fn failed(why: &str) -> Response {
    let body = json!({ "error": "server_error", "error_description": why });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

/// Whether a name can be an account: what anybody would type, and nothing that needs escaping anywhere.
fn is_account(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 64 && name.chars().all(allowed) && name.starts_with(edge) && name.ends_with(edge)
}

/// Whether a client may act for people.
fn is_public_client(client: &str) -> bool {
    Config::PUBLIC_CLIENTS.contains(&client)
}
