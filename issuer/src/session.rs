//! How somebody signed in: what a token says beside who it is about.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock;

/// A sign-in. Tokens that come from one refresh the next share it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The client that asked (`azp`).
    pub(crate) client: String,
    /// The session (`sid`).
    pub(crate) id: String,
    /// When the password was given (`auth_time`).
    pub(crate) auth_time: i64,
    /// The scopes granted, as Keycloak writes them.
    pub(crate) scope: String,
}

impl Session {
    /// A sign-in that happens now.
    pub(crate) fn begin(client: &str, openid: bool) -> Self {
        Self {
            client: client.into(),
            id: Uuid::new_v4().to_string(),
            auth_time: clock::now(),
            scope: scope(openid).into(),
        }
    }

    /// Whether an ID token was asked for.
    pub(crate) fn openid(&self) -> bool {
        self.scope.split(' ').any(|scope| scope == "openid")
    }

    /// What a refresh token must carry for the session to go on. The user name is an addition to Keycloak's: it
    /// keeps the issuer free of state, and nobody but the issuer reads a refresh token.
    pub(crate) fn refresh_claims(&self, issuer: &str, sub: &str, name: &str, now: i64) -> Value {
        json!({
            "exp": now + REFRESH_LIFETIME,
            "iat": now,
            "auth_time": self.auth_time,
            "jti": Uuid::new_v4().to_string(),
            "iss": issuer,
            "aud": issuer,
            "sub": sub,
            "typ": "Refresh",
            "azp": self.client,
            "sid": self.id,
            "scope": self.scope,
            "preferred_username": name,
        })
    }

    /// The session that refresh claims tell of.
    pub(crate) fn resume(claims: &Value) -> Option<Self> {
        Some(Self {
            client: claims["azp"].as_str()?.into(),
            id: claims["sid"].as_str()?.into(),
            auth_time: claims["auth_time"].as_i64()?,
            scope: claims["scope"].as_str()?.into(),
        })
    }
}

/// How long a session can rest, in seconds: Keycloak's default of half an hour.
pub(crate) const REFRESH_LIFETIME: i64 = 1800;

/// Keycloak grants its default scopes whatever was asked for; `openid` only on request.
pub(crate) fn scope(openid: bool) -> &'static str {
    if openid { "openid email profile" } else { "email profile" }
}
