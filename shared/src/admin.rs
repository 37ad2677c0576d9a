//! The accounts of the identity provider, by Keycloak's Admin REST API: read, disabled and enabled, signed out, deleted. It is
//! another thing than signing in, and off where its client's secret is not given.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use crate::{
    clock,
    config::{Mode, Wrong, secret},
    error::{Error, ErrorReason, Result},
    issuer::Issuer,
};

/// A token is renewed so long before its end, in seconds.
const EARLY: u64 = 30;
/// What Keycloak answers with 404 of an account that is not there. It says others of a realm or a path that is not, and so
/// does whatever stands in front of it.
const NO_SUCH_ACCOUNT: &str = "User not found";

/// How the accounts are reached, and what is done with them.
#[derive(Clone, Debug, Args)]
pub struct AdminSettings {
    /// The Admin API's realm. Default: where Keycloak has it beside the issuer, `../admin/realms/<realm>`.
    #[arg(long, env = "CREWUP_ADMIN_URL")]
    admin_url: Option<Url>,
    /// The client that may read, disable and delete accounts.
    #[arg(long, env = "CREWUP_ADMIN_CLIENT_ID", default_value = "crewup-sync")]
    admin_client_id: String,
    /// That client's secret. Without it accounts are not synchronised, and bans and erasures stay on our side.
    #[arg(long, env = "CREWUP_ADMIN_CLIENT_SECRET", hide_env_values = true)]
    admin_client_secret: Option<SecretString>,
    /// A file with CREWUP_ADMIN_CLIENT_SECRET.
    #[arg(long, env = "CREWUP_ADMIN_CLIENT_SECRET_FILE")]
    admin_client_secret_file: Option<PathBuf>,
    /// How often all accounts are synchronised, in seconds.
    #[arg(long, env = "CREWUP_SYNC_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub sync_seconds: u32,
    /// For how many days an account must be gone until its profile is erased.
    #[arg(long, env = "CREWUP_GONE_DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub gone_days: u16,
}

impl AdminSettings {
    /// The API, if it is set up.
    pub fn api(&self, mode: Mode, issuer: &Issuer) -> std::result::Result<Option<AdminApi>, Wrong> {
        if self.admin_client_secret.is_none() && self.admin_client_secret_file.is_none() {
            return Ok(None);
        }
        let secret = secret(
            "CREWUP_ADMIN_CLIENT_SECRET_FILE",
            self.admin_client_secret.as_ref(),
            self.admin_client_secret_file.as_ref(),
        )?;
        if mode == Mode::Production && secret.expose_secret() == "crewup_dev_secret" {
            return Err(Wrong::new("CREWUP_ADMIN_CLIENT_SECRET", "the development secret is not for production"));
        }
        let url = match &self.admin_url {
            Some(url) => url.to_string(),
            None => match issuer.url().rsplit_once("/realms/") {
                Some((server, realm)) => format!("{server}/admin/realms/{realm}"),
                None => return Err(Wrong::new("CREWUP_ADMIN_URL", "is required: the issuer is no realm of Keycloak")),
            },
        };
        let client = self.admin_client_id.clone();
        let url = url.trim_end_matches('/').to_owned();
        Ok(Some(AdminApi { issuer: issuer.clone(), url, client, secret, token: Mutex::new(None) }))
    }
}

/// An account as the identity provider shows it. What it lacks is empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The subject of its tokens.
    pub id: String,
    /// Not necessarily verified.
    #[serde(default)]
    pub email: String,
    /// Whether the e-mail is.
    #[serde(default)]
    pub email_verified: bool,
    /// The given name.
    #[serde(default)]
    pub first_name: String,
    /// The family name.
    #[serde(default)]
    pub last_name: String,
    /// Whether one can sign in with it.
    #[serde(default)]
    pub enabled: bool,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
}

/// The Admin API of one realm.
pub struct AdminApi {
    issuer: Issuer,
    url: String,
    client: String,
    secret: SecretString,
    token: Mutex<Option<(SecretString, u64)>>,
}

impl AdminApi {
    /// Up to `max` accounts after the first `first`, in the provider's order. Fewer: there are no more.
    pub async fn page(&self, first: usize, max: usize) -> Result<Vec<Account>> {
        let query = [("first", first.to_string()), ("max", max.to_string()), ("briefRepresentation", "true".into())];
        let answer = self.ask(Method::GET, &[], |request| request.query(&query)).await?;
        content(answer.error_for_status().map_err(away)?).await
    }

    /// Those of `ids` that are there.
    pub async fn some(&self, ids: &[String]) -> Result<Vec<Account>> {
        let query =
            [("search", format!("id:{}", ids.join(" "))), ("max", ids.len().to_string()), ("first", "0".into())];
        let answer = self.ask(Method::GET, &[], |request| request.query(&query)).await?;
        content(answer.error_for_status().map_err(away)?).await
    }

    /// One account. None: it is not there, which is not the same as that nothing was found.
    pub async fn account(&self, id: &str) -> Result<Option<Account>> {
        match self.found(Method::GET, &[id], |request| request).await? {
            Some(answer) => content(answer).await.map(Some),
            None => Ok(None),
        }
    }

    /// The realm roles of an account, by whatever way it has them.
    pub async fn roles(&self, id: &str) -> Result<Vec<String>> {
        let path = [id, "role-mappings", "realm", "composite"];
        let Some(answer) = self.found(Method::GET, &path, |request| request).await? else { return Ok(Vec::new()) };
        let roles: Vec<Named> = content(answer).await?;
        Ok(roles.into_iter().map(|role| role.name).collect())
    }

    /// Lets one sign in with an account, or not. False: it is not there.
    pub async fn set_enabled(&self, id: &str, enabled: bool) -> Result<bool> {
        let change = json!({ "enabled": enabled });
        Ok(self.found(Method::PUT, &[id], |request| request.json(&change)).await?.is_some())
    }

    /// Ends all sessions of an account. False: it is not there.
    pub async fn sign_out(&self, id: &str) -> Result<bool> {
        Ok(self.found(Method::POST, &[id, "logout"], |request| request).await?.is_some())
    }

    /// Deletes an account. False: it was not there.
    pub async fn delete(&self, id: &str) -> Result<bool> {
        Ok(self.found(Method::DELETE, &[id], |request| request).await?.is_some())
    }

    /// Asks for something of one account. None: there is no such account.
    async fn found(
        &self,
        method: Method,
        path: &[&str],
        dress: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Option<Response>> {
        let answer = self.ask(method, path, dress).await?;
        if answer.status() != StatusCode::NOT_FOUND {
            return Ok(Some(answer.error_for_status().map_err(away)?));
        }
        let refused: Refused = answer.json().await.map_err(away)?;
        if refused.error == NO_SUCH_ACCOUNT {
            return Ok(None);
        }
        let why = format!("the Admin API at CREWUP_ADMIN_URL has no such realm or path: {}", refused.error);
        Err(Error::from(ErrorReason::DependencyUnavailable).because(why))
    }

    /// Asks once, and once more with a new token where the one at hand is not accepted any more.
    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        dress: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let mut url = Url::parse(&self.url).map_err(Error::internal)?;
        url.path_segments_mut()
            .map_err(|()| Error::internal("CREWUP_ADMIN_URL has no path"))?
            .push("users")
            .extend(path);
        for last in [false, true] {
            let token = self.token().await?;
            let request = self.issuer.http().request(method.clone(), url.clone());
            let request = dress(request.timeout(TIMEOUT).bearer_auth(token.expose_secret()));
            let answer = request.send().await.map_err(away)?;
            if answer.status() != StatusCode::UNAUTHORIZED || last {
                return Ok(answer);
            }
            *self.token.lock().await = None;
        }
        Err(Error::internal("asked twice"))
    }

    async fn token(&self) -> Result<SecretString> {
        let mut current = self.token.lock().await;
        let now = clock::unix_seconds();
        if let Some((token, _)) = current.as_ref().filter(|(_, until)| *until > now + EARLY) {
            return Ok(token.clone());
        }
        let granted = self.issuer.grant(&self.client, &self.secret).await.map_err(away)?;
        *current = Some((granted.access_token.clone(), now + granted.expires_in));
        Ok(granted.access_token)
    }
}

/// More than for a key: a realm may be large and busy.
const TIMEOUT: Duration = Duration::from_secs(5);

async fn content<T: DeserializeOwned>(answer: Response) -> Result<T> {
    answer.json().await.map_err(away)
}

/// An address may name accounts, which is no secret, and never says more of them.
fn away(error: reqwest::Error) -> Error {
    Error::from(ErrorReason::DependencyUnavailable).because(error)
}
