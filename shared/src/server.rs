//! Putting a service together, and the life of its process: read settings, bind, serve, report health, drain.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use clap::Parser as _;
use crewup_proto::call::CALLS;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    accounts::KnownAccounts,
    admin::{AdminApi, AdminSettings},
    app::{Accounts, App},
    auth::Verifier,
    config::{Config, Switch, Wrong, wrong_line},
    db::Db,
    error::{Error, Result},
    gauges, housekeeping,
    issuer::Issuer,
    layer::EntryLayer,
    live::{Audience, Live, StreamLimits, relay::Relay},
    outbox::{self, React},
    peer::{Peers, Resolver, ServiceIdentity},
    quota::Quotas,
    ready,
    schedule::{self, Job},
    telemetry::Telemetry,
    tls::{self, Tls},
};

/// The largest request, in bytes. Generated servers are limited to it where they are added to the routes.
pub const LARGEST_REQUEST: usize = 1 << 20;
/// The largest headers, in bytes: a token of 8 KiB, that of a person beside it, and a little.
const LARGEST_HEADERS: u32 = 20 << 10;
/// Streams of a connection. The edge opens another where it needs more.
const STREAMS: u32 = 1024;
/// Streams of a connection that its peer resets before they are looked at, and that it makes us reset. The edge's connections carry
/// everybody's calls: h2's own bound of 20 would close them, and everybody's calls with them, because of one caller who takes
/// calls back. It is the edge that closes that caller's connection (ADR 26). For the second, tonic has no bound of its own.
const RESETS: usize = STREAMS as usize;

// EX_USAGE, EX_UNAVAILABLE and EX_SOFTWARE of sysexits.h.
const WRONG_SETTING: u8 = 64;
const CANNOT_BIND: u8 = 69;
const FAILED: u8 = 70;

const CONNECTION_AGE: Duration = Duration::from_secs(30 * 60);

/// How a service that keeps profiles itself finds them.
pub type MakeAccounts = fn(&Db) -> Arc<dyn Accounts>;

/// What makes a service that service.
pub struct Service {
    /// As in `crewup-<name>` and the database role `crewup_<name>`.
    pub name: &'static str,
    /// The gRPC port, where the settings say nothing.
    pub port: u16,
    /// The port of health and metrics, where the settings say nothing.
    pub plain_port: u16,
    /// The highest migration that its own queries need.
    pub schema: i64,
    /// Whether each of its statements has one plan that is good for all values, which is made once for a connection. PostgreSQL
    /// would else go on making plans for each call that it takes for better, and that are not (docs/PERFORMANCE.md).
    pub one_plan: bool,
    /// Its gRPC services, and what works beside them.
    pub routes: fn(&App, &mut Workers) -> Routes,
    /// How identities become profiles here. None: by what the user service publishes, and by asking it.
    pub accounts: Option<MakeAccounts>,
    /// The services that it calls.
    pub peers: &'static [&'static str],
    /// What it does when it is told of something.
    pub react: Option<React>,
    /// What it does when it is time.
    pub jobs: &'static [Job],
}

/// What runs beside the calls of a service, until its process is told to stop.
#[derive(Default)]
pub struct Workers {
    always: Vec<Worker>,
    /// Not where the relay is switched off.
    relays: Vec<Worker>,
    admin: Option<(Arc<AdminApi>, AdminSettings)>,
}

type Worker = Box<dyn FnOnce(Stop) -> BoxFuture<'static, ()> + Send>;

/// Says whether the process was told to stop.
pub type Stop = watch::Receiver<bool>;

impl Workers {
    /// Runs `work` until it is told to stop. If it ends before, the process ends.
    pub fn add<F>(&mut self, work: impl FnOnce(Stop) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.always.push(Box::new(|stop| Box::pin(work(stop))));
    }

    /// As [`Workers::add`], but not where the relay is switched off.
    pub fn add_relay<F>(&mut self, work: impl FnOnce(Stop) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.relays.push(Box::new(|stop| Box::pin(work(stop))));
    }

    /// The accounts at the identity provider, where they are set up, and how to go about them.
    pub fn admin(&self) -> Option<(Arc<AdminApi>, AdminSettings)> {
        self.admin.clone()
    }

    /// Exchanges wake-ups with the other replicas of `service`, for its streams; `audience` finds those to whom something
    /// is new. Where the relay is switched off, nobody is told.
    pub fn exchange_wake_ups(&mut self, app: &App, service: &'static str, audience: Option<Audience>) {
        let relay = Relay { live: app.live().clone(), db: app.db().clone(), service };
        let (tell, listen, look) = (relay.clone(), relay.clone(), relay.clone());
        app.live().share();
        self.relays.push(Box::new(|stop| Box::pin(tell.tell(stop))));
        self.add(|stop| listen.listen(stop));
        self.add(|stop| look.look(stop));
        if let Some(audience) = audience {
            self.add(move |stop| relay.widen(audience, stop));
        }
    }
}

/// A service that serves.
pub struct Running {
    /// Where gRPC is served.
    pub addr: SocketAddr,
    /// Where health and metrics are served.
    pub plain_addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    grace: Duration,
}

impl Running {
    /// StreamLimits when a part of the service ended that never should.
    async fn broken(&mut self) {
        let _ = self.tasks.join_next().await;
    }

    /// Not ready, no new calls, then waits for those in flight (X13). Whoever routes calls here is given time before
    /// SIGTERM to see it, by the chart's preStop.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.grace, all).await.is_err() {
            tracing::warn!("calls in flight were cut off after the grace period");
        }
    }
}

/// The whole of a service's `main`: settings from the environment, until SIGTERM or SIGINT.
pub fn main(service: &'static Service) -> ExitCode {
    main_with(service, std::env::args_os())
}

/// As [`main`], with the arguments `args`, the program's name first.
pub fn main_with(service: &'static Service, args: impl IntoIterator<Item: Into<OsString> + Clone>) -> ExitCode {
    let config = match Config::try_parse_from(args) {
        Ok(config) => config,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return fail(WRONG_SETTING, &wrong_line::<Config>(&error)),
    };
    if let Err(wrong) = check(service, &config) {
        return fail(WRONG_SETTING, &wrong.to_string());
    }
    // One thread: replicas are how a service gets more processors (ADR 30).
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &error.to_string()),
    };
    runtime.block_on(run(service, config))
}

/// What is wrong with the settings is said before anything binds.
fn check(service: &Service, config: &Config) -> std::result::Result<(), Wrong> {
    config.database()?;
    config.issuer()?;
    config.admin_api()?;
    config.tls(service.name, &callers(service))?;
    for peer in service.peers {
        config.peer(peer)?;
        config.client_secret()?;
    }
    Ok(())
}

#[allow(clippy::print_stderr, reason = "before telemetry is up, and for the person at the terminal")]
fn fail(code: u8, why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(code)
}

async fn run(service: &'static Service, config: Config) -> ExitCode {
    let (listener, plain) = match bind(service, &config).await {
        Ok(bound) => bound,
        Err(why) => return fail(CANNOT_BIND, &why),
    };
    let telemetry = match Telemetry::start(service.name, config.otlp.as_deref()) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(FAILED, &error.to_string()),
    };
    let mut running = match start(service, &config, listener, plain, telemetry.registry()) {
        Ok(running) => running,
        Err(error) => return fail(FAILED, &error.to_string()),
    };
    tracing::info!(service = service.name, addr = %running.addr, plain = %running.plain_addr, "serving");
    let code = tokio::select! {
        () = told_to_stop() => ExitCode::SUCCESS,
        () = running.broken() => {
            tracing::error!("a part of the service ended by itself");
            ExitCode::from(FAILED)
        }
    };
    tracing::info!(service = service.name, "stopping");
    running.stop().await;
    telemetry.stop().await;
    code
}

async fn bind(service: &Service, config: &Config) -> std::result::Result<(TcpListener, TcpListener), String> {
    let everywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let mut bound = Vec::new();
    for (variable, addr) in [
        ("CREWUP_LISTEN", config.listen.unwrap_or(everywhere(service.port))),
        ("CREWUP_PLAIN_LISTEN", config.plain_listen.unwrap_or(everywhere(service.plain_port))),
    ] {
        let listener =
            TcpListener::bind(addr).await.map_err(|error| format!("{addr}: {error}; {variable} moves it"))?;
        bound.push(listener);
    }
    let plain = bound.pop().ok_or("nothing was bound")?;
    let listener = bound.pop().ok_or("nothing was bound")?;
    Ok((listener, plain))
}

/// Starts a service on listeners that are bound already.
pub fn start(
    service: &'static Service,
    config: &Config,
    listener: TcpListener,
    plain: TcpListener,
    registry: prometheus::Registry,
) -> Result<Running> {
    let mut options = config.database().map_err(Error::internal)?;
    if service.one_plan {
        options = options.options([("plan_cache_mode", "force_generic_plan")]);
    }
    let (db, urgent) = pools(service, config, options)?;
    let issuer = config.issuer().map_err(Error::internal)?;
    let verifier = Arc::new(Verifier::new(issuer.clone(), &config.audience));
    let tls = config.tls(service.name, &callers(service)).map_err(Error::internal)?;
    let (peers, resolvers) = peers(service, config, issuer, tls.as_ref())?;
    let accounts = match service.accounts {
        Some(accounts) => accounts(&db),
        // Who is not known is not helped.
        None => Arc::new(KnownAccounts::new(urgent.clone(), Arc::clone(&peers))),
    };
    let (stop, stopped) = watch::channel(false);
    let reads = (usize::from(config.db_connections) / 2).max(1);
    let limits = StreamLimits::new(config.max_stream(), config.grace().div_f64(4.0), stopped.clone(), reads);
    let app = App::new(db.clone(), urgent, accounts, peers, Live::default(), limits);
    let wake = app.wake();
    let (addr, plain_addr) =
        (listener.local_addr().map_err(Error::internal)?, plain.local_addr().map_err(Error::internal)?);

    let (health, health_server) = tonic_health::server::health_reporter();
    let admin = config.admin_api().map_err(Error::internal)?.map(|api| (Arc::new(api), config.admin.clone()));
    let mut workers = Workers { admin, ..Default::default() };
    let mut routes = (service.routes)(&app, &mut workers).add_service(health_server);
    if config.reflection == Switch::On {
        routes = reflected(routes)?;
    }
    let quotas = Quotas::new(service.name, db.clone(), config.quota_percent);
    let serve = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(LARGEST_HEADERS)
        .max_concurrent_streams(STREAMS)
        .http2_max_pending_accept_reset_streams(Some(RESETS))
        .http2_max_local_error_reset_streams(Some(RESETS))
        .max_connection_age(CONNECTION_AGE)
        // Streams are told to go on elsewhere when their own time is over, which is not before this.
        .max_connection_age_grace(config.max_stream() + config.grace())
        .layer(EntryLayer::new(Arc::clone(&verifier), quotas, config))
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            tls::connections(TcpIncoming::from(listener).with_nodelay(Some(true)), tls.clone()),
            until(stopped.clone()),
        );

    let ready = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if let Err(error) = serve.await {
            tracing::error!(%error, "the server ended");
        }
    });
    if let Some(tls) = tls {
        tasks.spawn(tls.work(stopped.clone()));
    }
    tasks.spawn(ready::watch(service.schema, db.clone(), verifier, health, Arc::clone(&ready), stopped.clone()));
    // What serves streams ends after them.
    let (stop_workers, workers_stopped) = watch::channel(false);
    let (live, told, longest) = (app.live().clone(), stopped.clone(), config.grace());
    tasks.spawn(async move {
        until(told).await;
        live.emptied(longest).await;
        let _ = stop_workers.send(true);
    });
    tasks.spawn(app.standings().clone().work(db.clone(), app.live().clone(), workers_stopped.clone()));
    let relays = workers.relays.into_iter().filter(|_| config.relay == Switch::On);
    for worker in workers.always.into_iter().chain(relays) {
        tasks.spawn(worker(workers_stopped.clone()));
    }
    tasks.spawn(ready::plain_port(plain, ready, registry, stopped.clone()));
    for resolver in resolvers {
        tasks.spawn(resolver.work(stopped.clone()));
    }
    if config.relay == Switch::On {
        for job in [&housekeeping::JOB].into_iter().chain(service.jobs) {
            tasks.spawn(schedule::work(db.clone(), job, wake.clone(), stopped.clone()));
        }
        tasks.spawn(gauges::work(db.clone(), service.name, stopped.clone()));
        if let Some(react) = service.react {
            for _ in 0..outbox::WORKERS {
                tasks.spawn(outbox::work(db.clone(), service.name, react, wake.clone(), stopped.clone()));
            }
        }
    }
    Ok(Running { addr, plain_addr, stop, tasks, grace: config.grace() })
}

/// The pool, and the one for urgent calls: a quarter of the connections, where the service has such calls; else the same.
fn pools(service: &Service, config: &Config, options: PgConnectOptions) -> Result<(Db, Db)> {
    let name = format!("crewup-{}", service.name);
    let all = usize::from(config.db_connections);
    let own = format!("/crewup.{}.", service.name);
    if !CALLS.iter().any(|call| call.urgent && call.path.starts_with(&own)) {
        let db = Db::new(options, &name, all)?;
        return Ok((db.clone(), db));
    }
    let kept = (all / 4).max(1);
    let db = Db::new(options, &name, all.saturating_sub(kept).max(1))?;
    let urgent = db.urgent(kept)?;
    Ok((db, urgent))
}

/// The services that may connect: those that the contracts name for a call of this one.
fn callers(service: &Service) -> Vec<&'static str> {
    let own = format!("/crewup.{}.", service.name);
    CALLS.iter().filter(|call| call.path.starts_with(&own)).flat_map(|call| call.callers.iter().copied()).collect()
}

fn peers(
    service: &Service,
    config: &Config,
    issuer: Issuer,
    tls: Option<&Arc<Tls>>,
) -> Result<(Arc<Peers>, Vec<Resolver>)> {
    let client = format!("crewup-{}", service.name);
    let secret = match service.peers {
        [] => SecretString::default(),
        _ => config.client_secret().map_err(Error::internal)?,
    };
    let mut urls = Vec::new();
    for name in service.peers {
        urls.push((*name, config.peer(name).map_err(Error::internal)?));
    }
    let (peers, resolvers) = Peers::new(ServiceIdentity::new(issuer, &client, secret), &urls, config.lookup, tls);
    Ok((Arc::new(peers), resolvers))
}

fn reflected(routes: Routes) -> Result<Routes> {
    let builder = || {
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(crewup_proto::DESCRIPTORS)
    };
    // grpcurl asks for v1alpha, newer tools for v1.
    let v1 = builder().build_v1().map_err(Error::internal)?;
    let v1alpha = builder().build_v1alpha().map_err(Error::internal)?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}

/// Waits for the end.
pub(crate) async fn until(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
