//! What the bench runs: an issuer, the services, Envoy, a collector of traces, and the peers, each as a process.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crewup_issuer::Issuer;

use crate::{Failure, world::World};

/// The services that are measured, and the user service, which the others know.
pub const SERVICES: [&str; 5] = ["event", "group", "user", "safety", "moderation"];

/// A process; killed when dropped.
pub struct Process {
    child: Child,
    pub addr: SocketAddr,
    /// Where it tells its figures: a service's plain port, Envoy's admin interface, of a peer nothing.
    pub figures: SocketAddr,
}

impl Process {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, in KiB.
    pub fn resident(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where things are.
pub struct Places {
    pub binaries: PathBuf,
    pub envoy: PathBuf,
    /// The certificates of the mesh.
    pub mesh: PathBuf,
    /// For logs and Envoy's configuration.
    pub folder: PathBuf,
}

/// Everything that runs.
pub struct Host {
    services: Vec<(&'static str, Process)>,
    pub envoy: Process,
    collector: Process,
    issuer: String,
}

impl Host {
    pub async fn start(places: &Places, world: &World, issuer: &Issuer) -> Result<Self, Failure> {
        std::fs::create_dir_all(&places.folder)?;
        let collector = peer(places, "collector", &[])?;
        listening(collector.addr).await?;
        let addrs: Vec<(&str, SocketAddr)> =
            SERVICES.iter().map(|service| Ok((*service, free()?))).collect::<Result<_, Failure>>()?;
        let mut services = Vec::new();
        let peers: Vec<_> = addrs
            .iter()
            .map(|(peer, addr)| (format!("CREWUP_{}_URL", peer.to_uppercase()), format!("http://{addr}")))
            .collect();
        for (service, addr) in &addrs {
            let mut command = service_at(places, service, *addr, &world.url(service), issuer.url(), collector.addr);
            services.push((*service, start(places, service, *addr, command.envs(peers.iter().cloned()))?));
        }
        for (_, addr) in &addrs {
            listening(*addr).await?;
        }
        let envoy = edge(places, "envoy", &addrs, None)?;
        listening(envoy.addr).await?;
        Ok(Self { services, envoy, collector, issuer: issuer.url().to_owned() })
    }

    /// The service `name` once more, on the database at `url` and with other settings. It knows no peer.
    pub fn another(
        &self,
        places: &Places,
        name: &str,
        log: &str,
        url: &str,
        settings: &[(&str, String)],
    ) -> Result<Process, Failure> {
        let addr = free()?;
        let mut command = service_at(places, name, addr, url, &self.issuer, self.collector.addr);
        start(places, log, addr, command.envs(settings.iter().map(|(name, value)| (name, value))))
    }

    pub fn service(&self, name: &str) -> Result<&Process, Failure> {
        let found = self.services.iter().find(|(service, _)| *service == name);
        Ok(&found.ok_or(format!("{name} does not run"))?.1)
    }
}

/// A peer: this program, in another role (peers.rs).
pub fn peer(places: &Places, role: &str, settings: &[(&str, String)]) -> Result<Process, Failure> {
    let addr = free()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--peer", role, "--listen", &addr.to_string()])
        .envs(settings.iter().map(|(name, value)| (name, value)));
    spawn(places, role, addr, addr, &mut command)
}

/// How a service is run that listens at `addr`.
fn service_at(
    places: &Places,
    name: &str,
    addr: SocketAddr,
    url: &str,
    issuer: &str,
    collector: SocketAddr,
) -> Command {
    let mut command = Command::new(places.binaries.join(format!("crewup-{name}")));
    command
        .env("DATABASE_URL", url)
        .env("CREWUP_MODE", "development")
        .env("CREWUP_ISSUER", issuer)
        .env("CREWUP_CLIENT_SECRET", "crewup_dev_secret")
        .env("CREWUP_QUOTA_PERCENT", "1000000")
        .env("CREWUP_LISTEN", addr.to_string())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
        .env("RUST_LOG", "info");
    command
}

/// Starts a service, with a plain port of its own.
fn start(places: &Places, log: &str, addr: SocketAddr, command: &mut Command) -> Result<Process, Failure> {
    let plain = free()?;
    spawn(places, log, addr, plain, command.env("CREWUP_PLAIN_LISTEN", plain.to_string()))
}

/// An edge before these services: with the certificates of the mesh by TLS to both sides, or without.
pub fn edge(
    places: &Places,
    name: &str,
    addrs: &[(&str, SocketAddr)],
    mesh: Option<&Path>,
) -> Result<Process, Failure> {
    let (port, ops, admin, tls) = (free()?, free()?, free()?, free()?);
    let folder = places.folder.join(name);
    let mut render = Command::new("python3");
    render.args(["envoy/render.py", "--out"]).arg(&folder).stdout(Stdio::null());
    for (service, addr) in addrs {
        render.env(format!("CREWUP_{}_ADDR", service.to_uppercase()), addr.to_string());
    }
    // One address makes all calls.
    for (name, value) in [("RATE", "10000000"), ("BURST", "10000000")] {
        render.env(format!("CREWUP_EDGE_{name}"), value);
    }
    for (name, addr) in [("PORT", port), ("OPS_PORT", ops), ("ADMIN_PORT", admin), ("TLS_PORT", tls)] {
        render.env(format!("CREWUP_EDGE_{name}"), addr.port().to_string());
    }
    if let Some(mesh) = mesh {
        std::fs::create_dir_all(&folder)?;
        for end in ["crt", "key"] {
            std::fs::copy(mesh.join("public").with_extension(end), folder.join("tls").with_extension(end))?;
        }
        render.env("CREWUP_MESH_DIR", mesh);
    }
    if !render.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").status()?.success() {
        return Err("Envoy's configuration could not be rendered".into());
    }
    let mut command = Command::new(&places.envoy);
    command.arg("-c").arg(folder.join("envoy.yaml")).args(["--log-level", "warning", "--disable-hot-restart"]);
    spawn(places, name, if mesh.is_some() { tls } else { port }, admin, &mut command)
}

fn spawn(
    places: &Places,
    name: &str,
    addr: SocketAddr,
    figures: SocketAddr,
    command: &mut Command,
) -> Result<Process, Failure> {
    let log = File::create(places.folder.join(format!("{name}.log")))?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    Ok(Process { child: child.map_err(|error| format!("{name}: {error}"))?, addr, figures })
}

fn free() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Until somebody listens.
pub async fn listening(addr: SocketAddr) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(addr).await.is_err() {
        if Instant::now() > until {
            return Err(format!("nobody listens on {addr}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
