//! The few paths of Keycloak's Admin REST API that the user service uses, with the answers of Keycloak 26.7.3
//! (tests/keycloak shows that the real one answers so).

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{accounts::Account, realm::Realm};

/// Below `/admin/realms/crewup`.
pub(super) fn router(realm: Arc<Realm>) -> Router<Arc<Realm>> {
    let users = "/admin/realms/crewup/users";
    Router::new()
        .route(users, get(list))
        .route(&format!("{users}/{{id}}"), get(one).put(update).delete(remove))
        .route(&format!("{users}/{{id}}/logout"), post(logout))
        .route(&format!("{users}/{{id}}/role-mappings/realm/composite"), get(roles))
        .route_layer(middleware::from_fn_with_state(realm, guard))
        .route("/admin/realms/{realm}/users", get(no_realm))
        .route("/admin/realms/{realm}/users/{id}", get(no_realm))
}

/// 401 without a token of ours, 403 with one of another client.
async fn guard(State(realm): State<Arc<Realm>>, request: Request, next: Next) -> Response {
    if realm.accounts.is_away() {
        return said(StatusCode::SERVICE_UNAVAILABLE, "HTTP 503 Service Unavailable");
    }
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = value.strip_prefix("Bearer ").unwrap_or_default();
    if realm.accounts.is_granted(token) {
        let is_list = request.uri().path().ends_with("/users");
        return if realm.accounts.is_elsewhere() && !is_list { no_realm().await } else { next.run(request).await };
    }
    match token.split('.').count() {
        3 => said(StatusCode::FORBIDDEN, "HTTP 403 Forbidden"),
        _ => said(StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized"),
    }
}

/// A page (`first`, `max`), or those of `search=id:<id> <id>..` that are there, in that order.
async fn list(State(realm): State<Arc<Realm>>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let value = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let number = |name: &str, or: usize| value(name).and_then(|value| value.parse().ok()).unwrap_or(or);
    let all = realm.accounts.listed();
    let found: Vec<_> = match value("search").and_then(|search| search.strip_prefix("id:")) {
        Some(ids) => ids
            .split_whitespace()
            .filter_map(|id| all.iter().find(|account| account.person.sub() == id).map(shown))
            .collect(),
        None => {
            realm.accounts.serve_page();
            all.iter().skip(number("first", 0)).take(number("max", 100)).map(shown).collect()
        }
    };
    Json(found).into_response()
}

async fn one(State(realm): State<Arc<Realm>>, Path(id): Path<String>) -> Response {
    realm.accounts.get(&id).map_or_else(not_found, |account| Json(shown(&account)).into_response())
}

/// What the body does not name stays as it was.
async fn update(State(realm): State<Arc<Realm>>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let enabled = body["enabled"].as_bool();
    done(realm.accounts.change(&id, |account| account.enabled = enabled.unwrap_or(account.enabled)))
}

async fn remove(State(realm): State<Arc<Realm>>, Path(id): Path<String>) -> Response {
    done(realm.accounts.remove(&id))
}

async fn logout(State(realm): State<Arc<Realm>>, Path(id): Path<String>) -> Response {
    done(realm.accounts.change(&id, |account| account.logouts += 1))
}

async fn roles(State(realm): State<Arc<Realm>>, Path(id): Path<String>) -> Response {
    let Some(account) = realm.accounts.get(&id) else { return not_found() };
    let all = ["default-roles-crewup", "offline_access", "uma_authorization"].map(String::from);
    let roles = all.iter().chain(&account.person.roles);
    let named: Vec<_> = roles.map(|name| json!({ "name": name, "composite": false, "clientRole": false })).collect();
    Json(named).into_response()
}

async fn no_realm() -> Response {
    said(StatusCode::NOT_FOUND, "Realm not found.")
}

/// What an account lacks is left out.
fn shown(account: &Account) -> Value {
    let Account { person, enabled, .. } = account;
    let mut shown = json!({
        "id": person.sub(),
        "username": person.name(),
        "emailVerified": person.email_verified,
        "enabled": enabled,
        "createdTimestamp": 1_795_649_022_561_u64,
        "access": { "manage": true },
    });
    let texts = [("email", &person.email), ("firstName", &person.given_name), ("lastName", &person.family_name)];
    for (name, text) in texts {
        if let Some(text) = text {
            shown[name] = text.as_str().into();
        }
    }
    shown
}

fn done(found: bool) -> Response {
    if found { StatusCode::NO_CONTENT.into_response() } else { not_found() }
}

fn not_found() -> Response {
    said(StatusCode::NOT_FOUND, "User not found")
}

fn said(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
