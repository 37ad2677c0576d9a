//! Services as processes of their own, for what only a process can show: a kill, an exit code, a trace on the wire.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crewup_tests::{Mesh, persona::request_id, pki::pki, ports};

/// How long a test waits for what happens at once where the machine has nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A service as a process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where gRPC is served.
    pub(crate) addr: SocketAddr,
    /// Where health and metrics are served.
    pub(crate) plain: SocketAddr,
    log: File,
}

impl Process {
    /// The service `name` on the mesh's database; `settings` are added to its environment.
    pub(crate) fn start(mesh: &Mesh, name: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_at(mesh, name, free(), settings)
    }

    /// As [`Process::start`], where gRPC is served at `addr`.
    pub(crate) fn start_at(mesh: &Mesh, name: &str, addr: SocketAddr, settings: &[(&str, &str)]) -> Self {
        Self::started(Self::command(mesh, name, addr, settings), addr)
    }

    /// As [`Process::start`], without some of what it gives every service.
    pub(crate) fn start_without(mesh: &Mesh, name: &str, settings: &[(&str, &str)], without: &[&str]) -> Self {
        let addr = free();
        let mut command = Self::command(mesh, name, addr, settings);
        for variable in without {
            command.env_remove(variable);
        }
        Self::started(command, addr)
    }

    fn command(mesh: &Mesh, name: &str, addr: SocketAddr, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crewup-test-service"));
        command
            .arg(name)
            .env("DATABASE_URL", mesh.db.url_as(name))
            .env("CREWUP_ISSUER", mesh.issuer().url())
            .envs(pki().settings(name))
            .env("CREWUP_USER_URL", format!("https://{}", mesh.addr("user").unwrap()))
            .env("CREWUP_CLIENT_SECRET", &mesh.issuer().config().client_secret)
            .env("CREWUP_MODE", "development")
            .env("CREWUP_QUOTA_PERCENT", crewup_tests::mesh::MUCH)
            .env("CREWUP_LISTEN", addr.to_string())
            .envs(settings.iter().copied());
        command
    }

    fn started(mut command: Command, addr: SocketAddr) -> Self {
        let (plain, log) = (free(), nameless_file());
        command.env("CREWUP_PLAIN_LISTEN", plain.to_string()).stdout(Stdio::null());
        let child = command.stderr(log.try_clone().unwrap()).spawn().unwrap();
        Self { child, addr, plain, log }
    }

    /// What the process logged so far.
    pub(crate) fn logged(&mut self) -> String {
        let mut text = String::new();
        self.log.rewind().unwrap();
        self.log.read_to_string(&mut text).unwrap();
        text
    }

    /// Waits until the process is ready.
    pub(crate) async fn ready(&self) {
        self.answers("readyz").await;
    }

    /// Waits until the process lives, ready or not.
    pub(crate) async fn alive(&self) {
        self.answers("livez").await;
    }

    async fn answers(&self, probe: &str) {
        let url = format!("http://{}/{probe}", self.plain);
        let answered = async {
            while !reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect(probe);
    }

    pub(crate) fn kill_9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.ended().await
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the process does not end");
    }
}

/// An address of its own.
pub(crate) fn free() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, ports::free()).into()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that goes with its last handle.
fn nameless_file() -> File {
    let path = std::env::temp_dir().join(format!("crewup-log-{}", request_id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// Does the timed work of a service that is due now: a new replica looks at once, one that started earlier after a pause.
pub(crate) async fn sweep(mesh: &Mesh, service: &str) {
    let mut replica = Process::start(mesh, service, &[]);
    replica.ready().await;
    assert!(replica.terminate().await.success());
}
