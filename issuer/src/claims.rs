//! The claims of tokens, as Keycloak 26 writes them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Config, Person, clock, person::subject, session::Session};

/// What every account has in a realm that nobody has trimmed; a resource server has to live with it.
const DEFAULT_ROLES: [&str; 3] = ["default-roles-crewup", "offline_access", "uma_authorization"];

/// An access token of a person.
///
/// `aud` is a list because everybody may use Keycloak's account console: the client `account` joins the audience.
/// `jti` begins with Keycloak's marks (online session, regular token, resource owner), so it is not a UUID.
pub(crate) fn access(config: &Config, iss: &str, person: &Person, session: &Session) -> Value {
    let iat = person.issued_at.unwrap_or_else(clock::now);
    let mut claims = json!({
        "exp": person.expires_at.unwrap_or(iat + config.lifetime_seconds()),
        "iat": iat,
        "auth_time": session.auth_time.min(iat),
        "jti": format!("onrtro:{}", Uuid::new_v4()),
        "iss": iss,
        "aud": [config.audience, "account"],
        "sub": person.sub,
        "typ": "Bearer",
        "azp": session.client,
        "sid": session.id,
        "acr": "1",
        "allowed-origins": config.allowed_origins,
        "realm_access": { "roles": roles(&person.roles) },
        "resource_access": {
            "account": { "roles": ["manage-account", "manage-account-links", "view-profile"] }
        },
        "scope": session.scope,
    });
    profile(&mut claims, person);
    claims
}

/// An ID token of a person: for the client, not for an API, signed with the very same key.
pub(crate) fn id(config: &Config, iss: &str, person: &Person, session: &Session) -> Value {
    let iat = person.issued_at.unwrap_or_else(clock::now);
    let mut claims = json!({
        "exp": person.expires_at.unwrap_or(iat + config.lifetime_seconds()),
        "iat": iat,
        "auth_time": session.auth_time.min(iat),
        "jti": Uuid::new_v4().to_string(),
        "iss": iss,
        "aud": session.client,
        "sub": person.sub,
        "typ": "ID",
        "azp": session.client,
        "sid": session.id,
        "acr": "1",
    });
    profile(&mut claims, person);
    claims
}

/// An access token of a service account: no session, no e-mail, no name, and `aud` is a plain string because
/// Keycloak writes a list only for more than one.
pub(crate) fn service(config: &Config, iss: &str, service: &str) -> Value {
    let client = format!("crewup-{service}");
    let account = format!("service-account-{client}");
    let iat = clock::now();
    json!({
        "exp": iat + config.lifetime_seconds(),
        "iat": iat,
        "jti": format!("trrtcc:{}", Uuid::new_v4()),
        "iss": iss,
        "aud": config.audience,
        "sub": subject(&account).to_string(),
        "typ": "Bearer",
        "azp": client,
        "acr": "1",
        "realm_access": { "roles": roles(&["service".into()]) },
        "scope": crate::session::scope(false),
        "email_verified": false,
        "clientHost": "127.0.0.1",
        "clientAddress": "127.0.0.1",
        "client_id": client,
        "preferred_username": account,
    })
}

/// An access token of the client of the Admin API: for that API, and for nothing of ours.
pub(crate) fn sync(config: &Config, iss: &str) -> Value {
    let account = format!("service-account-{}", Config::SYNC_CLIENT);
    let iat = clock::now();
    json!({
        "exp": iat + config.lifetime_seconds(),
        "iat": iat,
        "jti": format!("trrtcc:{}", Uuid::new_v4()),
        "iss": iss,
        "aud": "realm-management",
        "sub": subject(&account).to_string(),
        "typ": "Bearer",
        "azp": Config::SYNC_CLIENT,
        "acr": "1",
        "resource_access": {
            "realm-management": { "roles": ["manage-users", "view-users", "query-groups", "query-users"] }
        },
        "scope": crate::session::scope(false),
        "email_verified": false,
        "preferred_username": account,
    })
}

fn roles(own: &[String]) -> Vec<&str> {
    let defaults = DEFAULT_ROLES.into_iter();
    defaults.chain(own.iter().map(String::as_str)).collect()
}

/// The claims of the scopes `email` and `profile`. What an account lacks is left out, not null.
fn profile(claims: &mut Value, person: &Person) {
    claims["email_verified"] = person.email_verified.into();
    claims["preferred_username"] = person.name().into();
    let names = [person.given_name.as_deref(), person.family_name.as_deref()];
    let full: Vec<&str> = names.into_iter().flatten().collect();
    if !full.is_empty() {
        claims["name"] = full.join(" ").trim().into();
    }
    for (claim, value) in
        [("given_name", &person.given_name), ("family_name", &person.family_name), ("email", &person.email)]
    {
        if let Some(value) = value {
            claims[claim] = value.as_str().into();
        }
    }
}
