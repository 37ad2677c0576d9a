//! The identity provider, as this process talks to it: its keys (X4), and a token of the service's own (X3).

use std::{fs, path::Path, time::Duration};

use jsonwebtoken::jwk::JwkSet;
use reqwest::Certificate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(2);

/// An OpenID Connect issuer. Cheap to clone.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    http: reqwest::Client,
}

/// A token that the issuer gave to this service.
#[derive(Deserialize)]
pub struct Granted {
    /// The token.
    pub access_token: SecretString,
    /// For how many seconds.
    pub expires_in: u64,
}

#[derive(Deserialize)]
struct Discovery {
    jwks_uri: String,
}

impl Issuer {
    /// The issuer whose `iss` is `url`. Its certificate must come from one of the authorities in the PEM file
    /// `authorities`, or without one, from one that the system trusts. Asks for nothing yet.
    ///
    /// # Errors
    /// `INTERNAL`: the file is of no use, or the system trusts no authority at all and the URL is https.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self> {
        let builder = reqwest::Client::builder().timeout(TIMEOUT);
        let builder = match authorities {
            Some(file) => {
                let pem = fs::read(file).map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
                builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(Error::internal)?)
            }
            // Plain http needs nobody's word; the system's hundred authorities are read for nothing, or are not there.
            None if url.starts_with("http://") => builder.tls_certs_only([]),
            None => builder,
        };
        Ok(Self { url: url.to_owned(), http: builder.build().map_err(Error::internal)? })
    }

    /// The `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For what else it serves.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The keys that it signs with, found by discovery.
    pub(crate) async fn keys(&self) -> reqwest::Result<JwkSet> {
        let url = format!("{}/.well-known/openid-configuration", self.url);
        let discovery: Discovery = self.http.get(url).send().await?.error_for_status()?.json().await?;
        self.http.get(discovery.jwks_uri).send().await?.error_for_status()?.json().await
    }

    /// A token for a client with a secret (OAuth 2.0 client credentials).
    pub(crate) async fn grant(&self, client: &str, secret: &SecretString) -> reqwest::Result<Granted> {
        let form =
            [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret.expose_secret())];
        let url = format!("{}/protocol/openid-connect/token", self.url);
        self.http.post(url).form(&form).send().await?.error_for_status()?.json().await
    }
}
