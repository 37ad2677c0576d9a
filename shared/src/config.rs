//! The settings of a service, from the environment, read once before anything binds.

use std::{fs, net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use clap::{CommandFactory, Parser, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};

use crate::{
    admin::{AdminApi, AdminSettings},
    issuer::Issuer,
    peer::{self, Lookup},
    tls::{self, Files, Tls},
};

/// What is wrong with the settings `C`, in one line, by the variables that set them; after its first paragraph,
/// clap's answer is usage.
#[must_use]
pub fn wrong_line<C: CommandFactory>(error: &clap::Error) -> String {
    let mut command = C::command();
    command.build();
    let text = error.to_string();
    let paragraph: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let by_option = paragraph.join(" ");
    command.get_arguments().fold(by_option, |line, argument| match argument.get_env().and_then(|name| name.to_str()) {
        Some(variable) => line.replace(&format!("'{argument}'"), variable).replace(&argument.to_string(), variable),
        None => line,
    })
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
    /// Where the event service is, for those that call it: https with certificates, http without. Every address of the host
    /// is a replica. Default: its own port on this machine.
    #[arg(long, env = "CREWUP_EVENT_URL", value_name = "URL")]
    event_url: Option<Url>,
    /// Where the group service is, likewise.
    #[arg(long, env = "CREWUP_GROUP_URL", value_name = "URL")]
    group_url: Option<Url>,
    /// Where the user service is, likewise.
    #[arg(long, env = "CREWUP_USER_URL", value_name = "URL")]
    user_url: Option<Url>,
    /// Where the safety service is, likewise.
    #[arg(long, env = "CREWUP_SAFETY_URL", value_name = "URL")]
    safety_url: Option<Url>,
    /// How the addresses of those hosts are found; no setting.
    #[arg(skip = peer::dns as Lookup)]
    pub lookup: Lookup,
    /// The certificate that this service shows, in PEM, with what is between it and an authority: of
    /// spiffe://crewup/<service>. Read again when it changes; so are the next two.
    #[arg(long, env = "CREWUP_TLS_CERT_FILE", requires = "tls_key_file", requires = "tls_ca_file")]
    tls_cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, env = "CREWUP_TLS_KEY_FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,
    /// The authorities that may vouch for other services and the edge, in PEM.
    #[arg(long, env = "CREWUP_TLS_CA_FILE", requires = "tls_cert_file")]
    tls_ca_file: Option<PathBuf>,
    /// The secret of this service's client at the issuer, which is `crewup-<service>`.
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
    /// How often a person may call, in percent of what the contract says (common/v1/call.proto, Quota).
    #[arg(long, env = "CREWUP_QUOTA_PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub quota_percent: u32,
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
        let options = PgConnectOptions::from_str(url.expose_secret())
            .map_err(|_| Wrong { variable: "DATABASE_URL", wrong: "is not a postgres:// URL".into() })?;
        let is_verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull);
        if self.mode == Mode::Production && !is_verified && options.get_socket().is_none() {
            let wrong =
                "a server that is not verified is not for production; add sslmode=verify-full and sslrootcert".into();
            return Err(Wrong { variable: "DATABASE_URL", wrong });
        }
        Ok(options)
    }

    /// The identity provider.
    pub fn issuer(&self) -> Result<Issuer, Wrong> {
        if self.mode == Mode::Production && !is_elsewhere(&self.issuer) {
            let wrong = "an issuer by http or on this machine is not for production".into();
            return Err(Wrong { variable: "CREWUP_ISSUER", wrong });
        }
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

    /// Where the service `name` is.
    pub fn peer(&self, name: &str) -> Result<Url, Wrong> {
        let (variable, port, url) = match name {
            "event" => ("CREWUP_EVENT_URL", 50051, &self.event_url),
            "group" => ("CREWUP_GROUP_URL", 50052, &self.group_url),
            "user" => ("CREWUP_USER_URL", 50053, &self.user_url),
            "safety" => ("CREWUP_SAFETY_URL", 50054, &self.safety_url),
            _ => return Err(Wrong { variable: "peers", wrong: format!("{name} is nobody's peer") }),
        };
        let scheme = if self.tls_cert_file.is_some() { "https" } else { "http" };
        match url {
            Some(url) if url.scheme() == scheme => Ok(url.clone()),
            Some(_) => Err(Wrong { variable, wrong: format!("begins with {scheme}:, as CREWUP_TLS_CERT_FILE says") }),
            None => Url::parse(&format!("{scheme}://127.0.0.1:{port}"))
                .map_err(|error| Wrong { variable, wrong: error.to_string() }),
        }
    }

    /// The certificates of the service `name`, to which `callers` may connect. None: there is no TLS, in development.
    pub fn tls(&self, name: &str, callers: &[&str]) -> Result<Option<Arc<Tls>>, Wrong> {
        let variable = "CREWUP_TLS_CERT_FILE";
        let (Some(certificate), Some(key), Some(authorities)) =
            (&self.tls_cert_file, &self.tls_key_file, &self.tls_ca_file)
        else {
            return match self.mode {
                Mode::Development => Ok(None),
                Mode::Production => Err(Wrong { variable, wrong: "is required, with _KEY_FILE and _CA_FILE".into() }),
            };
        };
        let files = Files { certificate: certificate.clone(), key: key.clone(), authorities: authorities.clone() };
        // Only a machine for development has such a certificate.
        let development = (self.mode == Mode::Development).then_some(tls::DEVELOPMENT);
        let callers = callers.iter().copied().chain([tls::EDGE]).chain(development).map(str::to_owned);
        let loaded = Tls::load(files, name, callers).map_err(|wrong| Wrong { variable, wrong })?;
        Ok(Some(Arc::new(loaded)))
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

/// Whether a URL is https and of another machine.
fn is_elsewhere(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(addr)) => addr.is_loopback() || addr.is_unspecified(),
            Some(Host::Ipv6(addr)) => addr.is_loopback() || addr.is_unspecified(),
            None => true,
        };
        url.scheme() == "https" && !is_loopback
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_named_by_its_variable_in_one_line() {
        let line = |arguments: &[&str]| {
            let arguments = ["crewup"].iter().chain(arguments);
            Config::try_parse_from(arguments).map_err(|error| wrong_line::<Config>(&error)).err()
        };
        let wrong = line(&["--mode", "staging"]).unwrap_or_default();
        assert!(wrong.starts_with("error: invalid value 'staging' for CREWUP_MODE [possible values: "), "{wrong}");
        let missing = line(&["--database-url", "postgres://x", "--mode", "production"]).unwrap_or_default();
        assert!(missing.contains("CREWUP_ISSUER") && !missing.contains("--issuer"), "{missing}");
    }
}
