//! The issuer as tests and the binary hold it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use axum::Router;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::{
    Accounts, Config, Error, Person, Result, http, jws,
    realm::{Realm, header},
    server::{self, State},
    session::Session,
};

/// A running issuer. Dropping it stops it.
///
/// Every method takes `&self` and is meant to be called from many tests at once; minting does no I/O.
pub struct Issuer {
    addr: SocketAddr,
    realm: Arc<Realm>,
    app: Router,
    state: Mutex<State>,
}

impl Issuer {
    /// Refuses what must not run, takes the port, reads or makes the keys (in a thread: some 200 ms), and serves.
    ///
    /// # Errors
    /// [`Error::NotDevelopment`], [`Error::NotLoopback`] and [`Error::Invalid`] before anything binds;
    /// [`Error::PortTaken`] before keys are made.
    pub async fn start(config: Config) -> Result<Self> {
        config.check()?;
        let asked = config.addr;
        let failed = |source| serve_error(asked, source);
        let socket = server::reserve(asked).map_err(failed)?;
        let addr = socket.local_addr().map_err(failed)?;
        let mut state = State::Down(socket);
        let url = format!("http://{addr}/realms/crewup");

        let realm = Arc::new(in_a_thread(move || Realm::open(config, url)).await??);
        let app = http::router(realm.clone());
        state.start(addr, app.clone()).map_err(failed)?;
        Ok(Self { addr, realm, app, state: Mutex::new(state) })
    }

    /// The `iss` claim: `http://127.0.0.1:PORT/realms/crewup`. Discovery is below it.
    pub fn url(&self) -> &str {
        &self.realm.url
    }

    /// Where it listens, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.realm.config
    }

    /// An access token of a person, of a sign-in of its own with the client `crewup-web`.
    pub fn token(&self, person: &Person) -> String {
        self.realm.sign(&self.claims(person))
    }

    /// The access token of a service's account (`event` is the client `crewup-event`), registered or not.
    pub fn service_token(&self, service: &str) -> String {
        self.realm.sign(&self.service_claims(service))
    }

    /// An ID token of a person: honest, and of no use toward an API.
    pub fn id_token(&self, person: &Person) -> String {
        let session = Session::begin("crewup-web", true);
        self.realm.sign(&self.realm.id_claims(person, &session))
    }

    /// The claims that [`Issuer::token`] would sign, to change and [`mint`](Issuer::mint).
    pub fn claims(&self, person: &Person) -> Value {
        let session = Session::begin("crewup-web", false);
        self.realm.access_claims(person, &session)
    }

    /// The claims that [`Issuer::service_token`] would sign.
    pub fn service_claims(&self, service: &str) -> Value {
        self.realm.service_claims(service)
    }

    /// Any claims, signed (RS256) by the newest key. The members of `overrides`, an object, replace those of the
    /// usual header or are added to it; `null` takes one away. What the header says about the algorithm does not
    /// change the signature.
    pub fn mint(&self, claims: &Value, overrides: &Value) -> String {
        let key = self.realm.newest_key();
        let mut merged = header("RS256", key.kid());
        if let (Value::Object(merged), Value::Object(changes)) = (&mut merged, overrides) {
            apply(merged, changes);
        }
        jws::compact(&merged, claims.to_string().as_bytes(), |message| key.sign(message))
    }

    /// The name of the key that signs.
    pub fn kid(&self) -> String {
        self.realm.newest_key().kid().to_owned()
    }

    /// The published key set.
    pub fn jwks(&self) -> Value {
        self.realm.jwks()
    }

    /// A new key signs from now on, as at Keycloak without waiting for anybody to fetch it; the old ones stay
    /// published. Computes for some 100 ms. Returns the name of the new key.
    pub fn rotate(&self) -> Result<String> {
        self.realm.rotate()
    }

    /// Takes every key out of the published set but the one that signs: older tokens lose their key.
    pub fn retire(&self) -> Result<()> {
        self.realm.retire()
    }

    /// The accounts of the Admin API: empty at first.
    pub fn accounts(&self) -> &Accounts {
        &self.realm.accounts
    }

    /// How often the key set was fetched over HTTP. Tests hold resource servers to a bounded rate with it.
    pub fn certs_served(&self) -> u64 {
        self.realm.certs_served()
    }

    /// The identity provider is down: open connections are cut, new ones refused, the port is kept. Minting goes on.
    pub fn stop(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = state.stop(self.addr);
        stopped.map_err(|source| serve_error(self.addr, source))
    }

    /// The identity provider is back, on the same port, with the same keys.
    pub fn restart(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let started = state.start(self.addr, self.app.clone());
        started.map_err(|source| serve_error(self.addr, source))
    }

    pub(crate) fn realm(&self) -> &Realm {
        &self.realm
    }
}

/// Sets, replaces and (by `null`) removes members.
pub(crate) fn apply(object: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (member, value) in changes {
        match value {
            Value::Null => object.remove(member),
            value => object.insert(member.clone(), value.clone()),
        };
    }
}

/// Runs something that computes for long beside the caller's runtime, whichever that is.
#[allow(clippy::disallowed_methods, reason = "it ends by itself and its result is awaited right here")]
async fn in_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || tell.send(work()));
    told.await.map_err(|_| Error::KeyGeneration)
}

fn serve_error(addr: SocketAddr, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { addr },
        _ => Error::Serve { addr, source },
    }
}
