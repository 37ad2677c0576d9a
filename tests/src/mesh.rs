//! The services of CrewUp, in this process, on a database of the test's own.

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use clap::Parser as _;
use crewup_issuer::{Config as IssuerConfig, Issuer, Person};
use crewup_shared::{
    config::Config,
    peer::{self, Lookup},
    server::{self, Running, Service},
};
use tokio::net::TcpListener;

use crate::{
    Persona,
    cluster::{self, TestDb},
    pki::pki,
};

/// The services that are built so far, each after those that it calls.
pub const SERVICES: [&Service; 5] = [
    &crewup_user::SERVICE,
    &crewup_event::SERVICE,
    &crewup_group::SERVICE,
    &crewup_safety::SERVICE,
    &crewup_moderation::SERVICE,
];

/// The issuer of this test process. It has a thread of its own and outlives every test.
pub async fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = STARTING.lock().await;
    if ISSUER.get().is_none() {
        let issuer = Issuer::start(IssuerConfig::development()).await.expect("the issuer starts");
        let _ = ISSUER.set(issuer);
    }
    ISSUER.get().expect("just set")
}

/// What the services of a test allow each person, in percent of what the contract says.
pub const MUCH: &str = "100000";

/// The argument that says what a variable does.
fn flag(variable: &str) -> String {
    format!("--{}", variable.trim_start_matches("CREWUP_").to_lowercase().replace('_', "-"))
}

/// All services on one database.
pub struct Mesh {
    /// The database, for what no call shows, and for moving the time.
    pub db: TestDb,
    issuer: &'static Issuer,
    running: Vec<(&'static str, Running)>,
}

impl Mesh {
    /// A database and the services on it, one process's worth each.
    pub async fn start() -> Self {
        Self::with(cluster::database().await, issuer().await, &[]).await
    }

    /// As [`Mesh::start`], with a connection for each of 32 who call at once, whatever the call: on a busy machine those who
    /// wait for one would be told to come again (X5).
    pub async fn racing() -> Self {
        Self::start_with(&["--db-connections", "46"]).await
    }

    /// As [`Mesh::start`], with more settings for every service, such as `--relay=off`.
    pub async fn start_with(settings: &[&str]) -> Self {
        Self::with(cluster::database().await, issuer().await, settings).await
    }

    /// The services on `db`, trusting `issuer`.
    pub async fn with(db: TestDb, issuer: &'static Issuer, settings: &[&str]) -> Self {
        let mut mesh = Self { db, issuer, running: Vec::new() };
        for service in SERVICES {
            mesh.add(service, settings).await;
        }
        mesh
    }

    /// One more replica of a service.
    pub async fn add(&mut self, service: &'static Service, settings: &[&str]) -> SocketAddr {
        self.add_asking(service, settings, peer::dns).await
    }

    /// One more replica of a service, which finds those that it calls by `lookup`.
    pub async fn add_asking(&mut self, service: &'static Service, settings: &[&str], lookup: Lookup) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let plain = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let database_url = self.db.url_as(service.name);
        let peers: Vec<_> = service.peers.iter().map(|peer| self.peer(peer)).collect();
        let tls = pki().settings(service.name).map(|(variable, file)| (flag(variable), file));
        let known = [
            ("--database-url", database_url.as_str()),
            ("--issuer", self.issuer.url()),
            ("--client-secret", &self.issuer.config().client_secret),
            ("--mode", "development"),
            ("--reflection", "on"),
            // A test calls as often as it likes; where that is tried, it is set anew.
            ("--quota-percent", MUCH),
        ];
        let known =
            known.into_iter().chain(tls.iter().chain(&peers).map(|(flag, value)| (flag.as_str(), value.as_str())));
        let known = known.filter(|(flag, _)| !settings.contains(flag)).flat_map(|(flag, value)| [flag, value]);
        let mut config = Config::parse_from(["crewup"].into_iter().chain(known).chain(settings.iter().copied()));
        config.lookup = lookup;
        let registry = crewup_shared::telemetry::Registry::new();
        let running = server::start(service, &config, listener, plain, registry).expect("the service starts");
        let addr = running.addr;
        self.running.push((service.name, running));
        addr
    }

    /// The setting that says where a service is, and where that is.
    fn peer(&self, name: &str) -> (String, String) {
        let addr = self.addr(name).unwrap_or_else(|| panic!("{name} starts before those that call it"));
        (format!("--{name}-url"), format!("https://{addr}"))
    }

    /// Where a service's replicas are.
    pub fn addrs(&self, service: &str) -> impl Iterator<Item = SocketAddr> {
        self.running.iter().filter(move |(name, _)| *name == service).map(|(_, running)| running.addr)
    }

    /// Where a service's first replica is.
    pub fn addr(&self, service: &str) -> Option<SocketAddr> {
        self.addrs(service).next()
    }

    /// Where the first replica's health and metrics are.
    pub fn plain_addr(&self, service: &str) -> Option<SocketAddr> {
        self.running.iter().find(|(name, _)| *name == service).map(|(_, running)| running.plain_addr)
    }

    /// A signed-in person. The first call makes the profile (U1).
    pub fn person(&self, name: &str) -> Persona {
        self.person_as(&Person::named(name))
    }

    /// A person with particular claims.
    pub fn person_as(&self, person: &Person) -> Persona {
        self.with_token(self.issuer.token(person))
    }

    /// Whoever shows this token.
    pub fn with_token(&self, token: String) -> Persona {
        Persona::new(token, self.running.iter().rev().map(|(name, running)| (*name, running.addr)))
    }

    /// The same person, who calls the last replica of each service.
    pub fn elsewhere(&self, person: &Persona) -> Persona {
        let last = self.running.iter().map(|(name, running)| (*name, running.addr));
        Persona::new(person.token().to_owned(), last)
    }

    /// `count` people, each with a profile.
    pub async fn crowd(&self, count: usize) -> Vec<Persona> {
        let people: Vec<_> = (0..count).map(|number| self.person(&format!("person-{number}"))).collect();
        for person in &people {
            person.id().await;
        }
        people
    }

    /// The issuer that the mesh trusts.
    pub fn issuer(&self) -> &'static Issuer {
        self.issuer
    }

    /// Waits until every service has done what it was told; fails if it does not come to that.
    pub async fn settled(&self) {
        self.settled_for(&crewup_shared::migrate::SERVICES).await;
    }

    /// As [`Mesh::settled`], of these services, where others do not react in this mesh.
    pub async fn settled_for(&self, consumers: &[&str]) {
        let mut db = self.db.connect().await;
        let left = "select count(*) from outbox_claims where consumer = any($1)";
        let settled = async {
            while sqlx::query_scalar::<_, i64>(left).bind(consumers).fetch_one(&mut db).await.expect("a count") > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("the outbox is worked off");
    }

    /// Takes the first replica of a service out of the mesh, still running.
    pub fn take(&mut self, service: &str) -> Running {
        let at = self.running.iter().position(|(name, _)| *name == service).expect("it runs");
        self.running.remove(at).1
    }

    /// Stops the first replica of a service.
    pub async fn stop_one(&mut self, service: &str) {
        self.take(service).stop().await;
    }

    /// Stops the services, as SIGTERM would.
    pub async fn stop(self) -> TestDb {
        for (_, running) in self.running {
            running.stop().await;
        }
        self.db
    }
}
