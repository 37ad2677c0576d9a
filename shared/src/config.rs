//! The settings of a service, from the environment, read once before anything binds.

use std::{fs, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{Parser, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::{
    admin::{AdminApi, AdminSettings},
    issuer::Issuer,
    peer::{self, Lookup},
};

/// What is wrong with a command line, in one line; after its first paragraph, clap's answer is usage.
#[must_use]
pub fn wrong_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    paragraph.join(" ")
}

/// Where a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// On a developer's machine, with known passwords.
    Development,
    /// Anywhere else.
    Production,
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// The settings. Each is an environment variable; secrets can be read from the file that `<NAME>_FILE` names.
#[derive(Clone, Debug, Parser)]
#[command(about, long_about = None)]
pub struct Config {
    /// PostgreSQL, as the service's own role.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, required_unless_present = "database_url_file")]
    database_url: Option<SecretString>,
    /// A file with DATABASE_URL.
    #[arg(long, env = "DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
    /// Connections to PostgreSQL; 8 to 16 serve best.
    #[arg(long, env = "CREWUP_DB_CONNECTIONS", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub db_connections: u16,
    /// Where gRPC is served. Default: all addresses, the service's own port.
    #[arg(long, env = "CREWUP_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Where health and metrics are served by plain HTTP. Default: all addresses, the service's own port.
    #[arg(long, env = "CREWUP_PLAIN_LISTEN")]
    pub plain_listen: Option<SocketAddr>,
    /// The issuer of tokens, exactly as in their `iss`.
    #[arg(long, env = "CREWUP_ISSUER")]
    issuer: String,
    /// A PEM file with the authorities that may vouch for an https issuer. Default: those that the system trusts.
    #[arg(long, env = "CREWUP_ISSUER_CA_FILE")]
    issuer_ca_file: Option<PathBuf>,
    /// The audience that tokens must name.
    #[arg(long, env = "CREWUP_AUDIENCE", default_value = "crewup-api")]
    pub audience: String,
    /// Where the event service is, for those that call it. Every address of the host is a replica.
    #[arg(long, env = "CREWUP_EVENT_URL", default_value = "http://127.0.0.1:50051")]
    event_url: Url,
    /// Where the group service is, likewise.
    #[arg(long, env = "CREWUP_GROUP_URL", default_value = "http://127.0.0.1:50052")]
    group_url: Url,
    /// Where the user service is, likewise.
    #[arg(long, env = "CREWUP_USER_URL", default_value = "http://127.0.0.1:50053")]
    user_url: Url,
    /// Where the safety service is, likewise.
    #[arg(long, env = "CREWUP_SAFETY_URL", default_value = "http://127.0.0.1:50054")]
    safety_url: Url,
    /// How the addresses of those hosts are found; no setting.
    #[arg(skip = peer::dns as Lookup)]
    pub lookup: Lookup,
    /// This service's client at the issuer. Default: `crewup-<service>`.
    #[arg(long, env = "CREWUP_CLIENT_ID")]
    pub client_id: Option<String>,
    /// That client's secret.
    #[arg(long, env = "CREWUP_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<SecretString>,
    /// A file with CREWUP_CLIENT_SECRET.
    #[arg(long, env = "CREWUP_CLIENT_SECRET_FILE")]
    client_secret_file: Option<PathBuf>,
    /// Production refuses development's password and client secret.
    #[arg(long, env = "CREWUP_MODE", value_enum, default_value = "production")]
    pub mode: Mode,
    /// Whether server reflection is served.
    #[arg(long, env = "CREWUP_REFLECTION", value_enum, default_value = "off")]
    pub reflection: Switch,
    /// Whether this process reacts to what other services tell.
    #[arg(long, env = "CREWUP_RELAY", value_enum, default_value = "on")]
    pub relay: Switch,
    /// Calls in flight at once; more are told to come again.
    #[arg(long, env = "CREWUP_MAX_IN_FLIGHT", default_value_t = 512)]
    pub max_in_flight: usize,
    /// The longest that a call may take, in seconds, whatever its caller allows.
    #[arg(long, env = "CREWUP_MAX_CALL_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    max_call_seconds: u64,
    /// The longest that a stream may last, in seconds; its client opens the next before.
    #[arg(long, env = "CREWUP_MAX_STREAM_SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    max_stream_seconds: u64,
    /// How long calls in flight may take to finish when the process is told to stop, in seconds.
    #[arg(long, env = "CREWUP_GRACE_SECONDS", default_value_t = 20)]
    grace_seconds: u64,
    /// Where traces and metrics go, by OTLP over gRPC. Default: nowhere.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp: Option<String>,
    /// The accounts at the issuer, for the user service.
    #[command(flatten)]
    pub admin: AdminSettings,
}

/// What a setting is not. The message names the variable.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {wrong}")]
pub struct Wrong {
    variable: &'static str,
    wrong: String,
}

impl Wrong {
    /// What is wrong with `variable`.
    pub(crate) fn new(variable: &'static str, wrong: &str) -> Self {
        Self { variable, wrong: wrong.to_owned() }
    }
}

impl Config {
    /// How to reach PostgreSQL.
    pub fn database(&self) -> Result<PgConnectOptions, Wrong> {
        let url = secret("DATABASE_URL_FILE", self.database_url.as_ref(), self.database_url_file.as_ref())?;
        if self.mode == Mode::Production && url.expose_secret().contains("crewup_dev_password") {
            let wrong = "the development password is not for production; set CREWUP_MODE=development to use it".into();
            return Err(Wrong { variable: "DATABASE_URL", wrong });
        }
        // sqlx's message may quote the URL, and with it the password.
        PgConnectOptions::from_str(url.expose_secret())
            .map_err(|_| Wrong { variable: "DATABASE_URL", wrong: "is not a postgres:// URL".into() })
    }

    /// The identity provider.
    pub fn issuer(&self) -> Result<Issuer, Wrong> {
        Issuer::new(&self.issuer, self.issuer_ca_file.as_deref()).map_err(|error| {
            let variable = if self.issuer_ca_file.is_some() { "CREWUP_ISSUER_CA_FILE" } else { "CREWUP_ISSUER" };
            let advice = "; CREWUP_ISSUER_CA_FILE names a PEM file with the authorities to trust";
            Wrong { variable, wrong: format!("{}{advice}", error.cause()) }
        })
    }

    /// The secret of this service's client at the issuer.
    pub fn client_secret(&self) -> Result<SecretString, Wrong> {
        let secret =
            secret("CREWUP_CLIENT_SECRET_FILE", self.client_secret.as_ref(), self.client_secret_file.as_ref())?;
        if self.mode == Mode::Production && secret.expose_secret() == "crewup_dev_secret" {
            let wrong = "the development secret is not for production".into();
            return Err(Wrong { variable: "CREWUP_CLIENT_SECRET", wrong });
        }
        Ok(secret)
    }

    /// The accounts at the issuer, where they are set up.
    pub fn admin_api(&self) -> Result<Option<AdminApi>, Wrong> {
        self.admin.api(self.mode, &self.issuer()?)
    }

    /// Where a service is that others call.
    pub fn peer(&self, name: &str) -> Option<&Url> {
        match name {
            "event" => Some(&self.event_url),
            "group" => Some(&self.group_url),
            "user" => Some(&self.user_url),
            "safety" => Some(&self.safety_url),
            _ => None,
        }
    }

    /// The longest that a call may take.
    pub fn max_call(&self) -> Duration {
        Duration::from_secs(self.max_call_seconds)
    }

    /// The longest that a stream may last.
    pub fn max_stream(&self) -> Duration {
        Duration::from_secs(self.max_stream_seconds)
    }

    /// How long calls in flight may take to finish at the end.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

pub(crate) fn secret(
    variable: &'static str,
    value: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> Result<SecretString, Wrong> {
    if let Some(value) = value {
        return Ok(value.clone());
    }
    let Some(file) = file else {
        return Err(Wrong { variable: variable.trim_end_matches("_FILE"), wrong: "is required".into() });
    };
    let content = fs::read_to_string(file).map_err(|error| Wrong { variable, wrong: error.to_string() })?;
    Ok(content.trim_end().into())
}
