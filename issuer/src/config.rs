//! What an issuer can be told.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::{Error, Person, Result};

/// How an issuer behaves. Begin with [`Config::development`] and change fields.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; must be loopback. Port 0 takes a free one. Default `127.0.0.1:0`.
    pub addr: SocketAddr,
    /// Must be `development`. A field, so that whoever embeds the issuer passes its own mode on instead of
    /// promising something.
    pub mode: String,
    /// The API that access tokens are for (`aud`). Default `crewup-api`.
    pub audience: String,
    /// How long an access token is valid. Default 300 s, Keycloak's.
    pub token_lifetime: Duration,
    /// Persons that sign in with other claims than [`Person::named`] would give them.
    pub people: Vec<Person>,
    /// The password of every person. Default `crewup`.
    pub password: String,
    /// The services that may ask for a token of their own, as client `crewup-<service>`.
    pub services: Vec<String>,
    /// The secret of every service's client. Default `crewup_dev_secret`.
    pub client_secret: String,
    /// The claim `allowed-origins`, and the origins beside loopback whose pages may call the token endpoint.
    pub allowed_origins: Vec<String>,
    /// Where keys outlive the process; without it every start makes new ones. Created with mode 0600.
    pub key_file: Option<PathBuf>,
}

impl Config {
    /// The public clients: people sign in with them, without a secret.
    pub const PUBLIC_CLIENTS: [&str; 2] = ["crewup-cli", "crewup-web"];

    /// The client of the Admin API, with the services' secret.
    pub const SYNC_CLIENT: &str = "crewup-sync";

    /// The settings for development and tests, on a free port.
    pub fn development() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            mode: "development".into(),
            audience: "crewup-api".into(),
            token_lifetime: Duration::from_secs(300),
            people: Vec::new(),
            password: "crewup".into(),
            services: ["event", "group", "user", "safety", "moderation"].map(String::from).into(),
            client_secret: "crewup_dev_secret".into(),
            allowed_origins: vec!["http://localhost:8080".into()],
            key_file: None,
        }
    }

    /// Refuses what must never run, before anything binds.
    pub(crate) fn check(&self) -> Result<()> {
        if self.mode != "development" {
            return Err(Error::NotDevelopment { mode: self.mode.clone() });
        }
        if !self.addr.ip().is_loopback() {
            return Err(Error::NotLoopback { addr: self.addr });
        }
        if self.token_lifetime < Duration::from_secs(1) {
            return Err(Error::Invalid("the lifetime of a token is at least one second"));
        }
        Ok(())
    }

    pub(crate) fn lifetime_seconds(&self) -> i64 {
        i64::try_from(self.token_lifetime.as_secs()).unwrap_or(i64::MAX / 2)
    }

    /// The person behind a name: one of [`Config::people`], else the one that the name itself describes.
    pub(crate) fn person(&self, name: &str) -> Person {
        let known = self.people.iter().find(|person| person.name() == name);
        known.cloned().unwrap_or_else(|| Person::named(name))
    }
}
