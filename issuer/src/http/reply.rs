//! The answers of the token endpoint: RFC 6749's JSON, with Keycloak's words and status codes.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A refusal. Keycloak answers 401 in more cases than the standard asks for; clients have to live with both.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Refusal {
    /// A refusal with status 400.
    pub(super) const fn bad_request(error: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description }
    }

    /// A refusal with status 401.
    pub(super) const fn unauthorized(error: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error, description }
    }
}

/// The response to a request, with the headers that keep tokens out of caches.
pub(super) fn respond(answer: Result<Value, Refusal>, basic: bool) -> Response {
    let mut response = match answer {
        Ok(tokens) => Json(tokens).into_response(),
        Err(refusal) => {
            let body = json!({ "error": refusal.error, "error_description": refusal.description });
            (refusal.status, Json(body)).into_response()
        }
    };
    // RFC 6749, 5.2: whoever tried with a scheme is answered with it.
    let challenge = basic && response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if challenge {
        let scheme = HeaderValue::from_static("Basic realm=\"crewup\"");
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}
