//! Mutual TLS between the workloads of the mesh (X3): each connection shows a certificate with a SPIFFE ID at both ends, and
//! is refused by whom it does not name. The certificates are files, which are read again when they change.

mod connect;
mod files;
mod spiffe;
mod verify;
mod wire;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};

use tokio::sync::watch;
use tokio_rustls::rustls::{ClientConfig, ServerConfig, version::TLS13};

use files::Pem;
use verify::{OnlyOf, OnlyThese};

pub use spiffe::{DEVELOPMENT, EDGE};
pub(crate) use wire::connections;
pub use wire::{Caller, Wire};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The files of a workload, in PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The workload's certificate, and those between it and an authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities whose word counts.
    pub authorities: PathBuf,
}

/// A workload's own certificate and what it asks of others, as the files were when they were last good.
pub struct Tls {
    files: Files,
    /// The workload's own name.
    name: String,
    /// Who may connect.
    callers: Arc<BTreeSet<String>>,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    pem: Arc<Pem>,
    server: Arc<ServerConfig>,
}

impl Tls {
    /// The workload `name`, to which the workloads `callers` may connect.
    ///
    /// # Errors
    /// The path of a file that cannot be read, holds nothing of use, or is another workload's; and why.
    pub fn load(files: Files, name: &str, callers: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let callers = Arc::new(callers.into_iter().collect());
        let current = current(&files, name, &callers)?;
        Ok(Self { files, name: name.to_owned(), callers, current: RwLock::new(current) })
    }

    /// How connections are taken from now on.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.current().server
    }

    /// How the workload `name` is connected to from now on.
    fn client(&self, name: &str) -> Result<ClientConfig, String> {
        let pem = self.current().pem;
        let provider = verify::provider();
        let verifier = OnlyOf::new(&pem, name, &provider);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(pem.chain.clone(), pem.key.clone_key())
            .map_err(|error| error.to_string())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// Reads the files again when they have changed, until `stop` says so. Connections that are open stay as they are; the
    /// server ends each in its time. What is of no use, such as a certificate whose key is not there yet, is tried again.
    pub(crate) async fn work(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut refused = None;
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.changed() => {}
            }
            match self.look() {
                Ok(true) => {
                    tracing::info!(workload = self.name, "the certificate was read again");
                    refused = None;
                }
                Ok(false) => {}
                Err(why) if refused.as_ref() == Some(&why) => {}
                Err(why) => {
                    tracing::warn!(why, "a changed certificate is of no use; the one before stays in use");
                    refused = Some(why);
                }
            }
        }
    }

    fn look(&self) -> Result<bool, String> {
        if Pem::read(&self.files)? == *self.current().pem {
            return Ok(false);
        }
        let new = current(&self.files, &self.name, &self.callers)?;
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = new;
        Ok(true)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

fn current(files: &Files, name: &str, callers: &Arc<BTreeSet<String>>) -> Result<Current, String> {
    let pem = Pem::read(files)?;
    let of_use = |error: &dyn std::fmt::Display| format!("{}: {error}", files.certificate.display());
    let own = pem.chain.first().and_then(spiffe::name);
    if own.as_deref() != Some(name) {
        let own = own.map_or("no workload".to_owned(), |own| spiffe::id(&own));
        return Err(of_use(&format!("it is of {own}, and must be of {}", spiffe::id(name))));
    }
    let provider = verify::provider();
    let verifier = OnlyThese::new(&pem, Arc::clone(callers), &provider)
        .map_err(|error| format!("{}: {error}", files.authorities.display()))?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| of_use(&error))?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(pem.chain.clone(), pem.key.clone_key())
        .map_err(|error| of_use(&error))?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Current { pem: Arc::new(pem), server: Arc::new(server) })
}
