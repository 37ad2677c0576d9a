//! `POST .../token`: reads the form, recognises the client, hands over to the grant.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    cors, grants, is_public_client,
    reply::{Refusal, respond},
};
use crate::{Config, realm::Realm};

/// The fields of a request, each at most once.
pub(super) type Fields = BTreeMap<String, String>;

/// Who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// A client that anybody can pretend to be.
    Public(String),
    /// A service that has shown its secret.
    Service(String),
    /// The client of the Admin API, likewise.
    Sync,
}

/// A browser asks before it sends a form with headers of its own.
pub(super) async fn preflight(State(realm): State<Arc<Realm>>, headers: HeaderMap) -> Response {
    (StatusCode::NO_CONTENT, cors::headers(&realm.config, &headers)).into_response()
}

/// The token endpoint.
pub(super) async fn token(
    State(realm): State<Arc<Realm>>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let basic = basic_credentials(&headers);
    let mut response = respond(answer(&realm, form, basic.as_ref()), basic.is_some());
    let cors = cors::headers(&realm.config, &headers);
    response.headers_mut().extend(cors);
    response
}

fn answer(
    realm: &Realm,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
    basic: Option<&(String, String)>,
) -> Result<Value, Refusal> {
    let Ok(Form(form)) = form else {
        return Err(Refusal::bad_request("invalid_request", "The request is not a form"));
    };
    let mut fields = Fields::new();
    for (name, value) in form {
        if fields.insert(name, value).is_some() {
            return Err(Refusal::bad_request("invalid_request", "duplicated parameter"));
        }
    }
    let grant = fields
        .get("grant_type")
        .ok_or(Refusal::bad_request("invalid_request", "Missing form parameter: grant_type"))?;
    match grant.as_str() {
        "password" => grants::password(realm, &client(realm, &fields, basic)?, &fields),
        "client_credentials" => grants::client_credentials(realm, &client(realm, &fields, basic)?),
        "refresh_token" => grants::refresh(realm, &client(realm, &fields, basic)?, &fields),
        _ => Err(Refusal::bad_request("unsupported_grant_type", "Unsupported grant_type")),
    }
}

/// Recognises the client by the `Authorization` header, else by the form.
fn client(realm: &Realm, fields: &Fields, basic: Option<&(String, String)>) -> Result<Client, Refusal> {
    const WORDS: &str = "Invalid client or Invalid client credentials";
    let unknown = Refusal::unauthorized("invalid_client", WORDS);
    let (id, secret) = match basic {
        Some((id, secret)) => (id.as_str(), Some(secret)),
        None => match fields.get("client_id") {
            Some(id) => (id.as_str(), fields.get("client_secret")),
            None => return Err(unknown),
        },
    };
    if is_public_client(id) {
        return Ok(Client::Public(id.into()));
    }
    let service = id.strip_prefix("crewup-").ok_or(unknown)?;
    let is_sync = id == Config::SYNC_CLIENT;
    if !is_sync && !realm.config.services.iter().any(|known| known == service) {
        return Err(Refusal::unauthorized("invalid_client", WORDS));
    }
    let expected = realm.config.client_secret.as_bytes();
    match secret {
        Some(secret) if verify_slices_are_equal(secret.as_bytes(), expected).is_ok() => {
            Ok(if is_sync { Client::Sync } else { Client::Service(service.into()) })
        }
        _ => Err(Refusal::unauthorized("unauthorized_client", WORDS)),
    }
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.into(), secret.into()))
}
