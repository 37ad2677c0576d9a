//! The three ways to a token.

use serde_json::{Value, json};

use super::{
    is_account,
    reply::Refusal,
    token::{Client, Fields},
};
use crate::{Person, realm::Realm, session::Session};

/// `grant_type=password`: a person by name, with the password that they all have.
pub(super) fn password(realm: &Realm, client: &Client, fields: &Fields) -> Result<Value, Refusal> {
    let Client::Public(client) = client else {
        return Err(Refusal::bad_request("unauthorized_client", "Client not allowed for direct access grants"));
    };
    let name = fields.get("username").ok_or(Refusal::unauthorized("invalid_request", "Missing parameter: username"))?;
    if !is_account(name) || fields.get("password") != Some(&realm.config.password) {
        return Err(Refusal::unauthorized("invalid_grant", "Invalid user credentials"));
    }
    let scope = fields.get("scope").map(String::as_str).unwrap_or_default();
    let openid = scope.split(' ').any(|scope| scope == "openid");
    let session = Session::begin(client, openid);
    Ok(tokens(realm, &realm.config.person(name), &session))
}

/// `grant_type=client_credentials`: a service as itself. No session, so nothing to refresh.
pub(super) fn client_credentials(realm: &Realm, client: &Client) -> Result<Value, Refusal> {
    let claims = match client {
        Client::Service(service) => realm.service_claims(service),
        Client::Sync => realm.sync_claims(),
        Client::Public(_) => {
            return Err(Refusal::unauthorized(
                "unauthorized_client",
                "Public client not allowed to retrieve service account",
            ));
        }
    };
    let token = realm.sign(&claims);
    if *client == Client::Sync {
        realm.accounts.grant(&token);
    }
    Ok(json!({
        "access_token": token,
        "expires_in": realm.config.lifetime_seconds(),
        "refresh_expires_in": 0,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "scope": claims["scope"],
    }))
}

/// `grant_type=refresh_token`: the same session, with what the realm knows about the person now.
pub(super) fn refresh(realm: &Realm, client: &Client, fields: &Fields) -> Result<Value, Refusal> {
    let token = fields.get("refresh_token").ok_or(Refusal::bad_request("invalid_request", "No refresh token"))?;
    let Client::Public(client) = client else {
        return Err(Refusal::bad_request("invalid_grant", "Invalid refresh token"));
    };
    let (session, name) =
        realm.resume(token, client).ok_or(Refusal::bad_request("invalid_grant", "Invalid refresh token"))?;
    Ok(tokens(realm, &realm.config.person(&name), &session))
}

fn tokens(realm: &Realm, person: &Person, session: &Session) -> Value {
    let mut tokens = json!({
        "access_token": realm.sign(&realm.access_claims(person, session)),
        "expires_in": realm.config.lifetime_seconds(),
        "refresh_expires_in": Realm::REFRESH_LIFETIME,
        "refresh_token": realm.refresh_token(person, session),
        "token_type": "Bearer",
        "not-before-policy": 0,
        "session_state": session.id,
        "scope": session.scope,
    });
    if session.openid() {
        tokens["id_token"] = realm.sign(&realm.id_claims(person, session)).into();
    }
    tokens
}
