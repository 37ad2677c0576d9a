//! The process behind [`super`]: finds PostgreSQL, makes a data directory, starts it, and sees to it that neither
//! survives the test process.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::ports;

/// What production has; the suite runs on it or on a later one.
const OLDEST: u32 = 15;

/// Nothing here outlives the process, so nothing needs to reach a disk, and nothing is kept outside of the data
/// directory, where the keeper would not remove it; autovacuum would connect to the template in the moment in which
/// it is copied.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "dynamic_shared_memory_type=mmap",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=500",
    "min_wal_size=32MB",
    "log_min_messages=fatal",
    "timezone=UTC",
];

/// The shell is what the kernel signals when the thread that started it ends, however the process ended; it stops
/// the server and removes the directory, also if the end comes while `initdb` is still at work. TERM is for a server
/// that has not got so far as to listen to INT (which a shell's background process ignores), INT for one that has:
/// it stops without waiting for its clients.
const KEEPER: &str = r#"
bin=$1; shift
stop_server() { stop=1; kill -TERM $server && kill -INT $server; } 2>/dev/null
trap stop_server INT TERM
"$bin/initdb" -D "$HOME/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$HOME/log" 2>&1 || failed=1
if [ -z "$failed$stop" ]; then
    "$bin/postgres" -D "$HOME/data" -k "$HOME" "$@" >>"$HOME/log" 2>&1 &
    server=$!
    [ -z "$stop" ] || stop_server
    wait $server
    wait $server
fi
[ -n "$stop" ] || tail -n 20 "$HOME/log" >&2
cd / && rm -rf "$HOME"
"#;

/// A running private cluster.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    drops: Mutex<Sender<String>>,
}

/// Who runs the server: PostgreSQL refuses root.
#[derive(Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Server {
    /// Starts a cluster and lets `prepare` fill it. Blocks until it is ready; panics if it cannot be.
    pub(super) fn start(prepare: impl AsyncFnOnce(&Server) + Send + 'static) -> Server {
        let (ready, started) = channel();
        // The kernel tells the child of the end of the thread that started it, so that thread must live as long as
        // the process does: it goes on to drop the databases that tests have left.
        std::thread::Builder::new()
            .name("private-postgres".into())
            .spawn(move || {
                let (drops, dropped) = channel();
                let (_child, port) = launch();
                let server = Server { port, drops: Mutex::new(drops.clone()) };
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(prepare(&server));
                let handle = Server { port, drops: Mutex::new(drops) };
                ready.send(handle).expect("the test that asked for the cluster waits for it");
                for name in dropped {
                    runtime.block_on(super::drop_database(&server, &name));
                }
            })
            .expect("a thread");
        started.recv().expect("the private cluster starts; what went wrong is above")
    }

    /// One that somebody else started, and takes away.
    pub(super) fn of(port: u16) -> Server {
        Server { port, drops: Mutex::new(channel().0) }
    }

    /// The address of a database for a role. The cluster trusts everyone on this host.
    pub(super) fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Drops a database when there is time for it; nobody waits.
    pub(super) fn drop_later(&self, name: String) {
        if let Ok(drops) = self.drops.lock() {
            let _ = drops.send(name);
        }
    }
}

/// A new data directory and a server on it. A free port can be taken by another process before the server has it:
/// then the server ends, and another one is tried.
fn launch() -> (Child, u16) {
    let bin = find_binaries();
    let user = server_user();
    for _ in 0..5 {
        let home = folder().join(format!("crewup-pg-{}-{}", std::process::id(), ports::free()));
        fs::create_dir(&home).expect("a fresh directory");
        if let Some(User { uid, gid }) = user {
            chown(&home, Some(uid), Some(gid)).expect("a directory of the server's user");
        }
        let port = ports::free();
        let mut child = spawn(&bin, &home, user, port);
        if wait_ready(&mut child, &home, port) {
            return (child, port);
        }
    }
    panic!("PostgreSQL did not start in 5 attempts");
}

/// Memory, if there is enough of it: a database is some hundred files, and ext4 is slow at making files where others
/// were removed a moment ago. The suite's take some 100 MiB at a time.
fn folder() -> PathBuf {
    const ENOUGH_KIB: u64 = 1024 * 1024;
    let memory = PathBuf::from("/dev/shm");
    let df = Command::new("df").args(["--output=avail", "-k"]).arg(&memory).stderr(Stdio::null()).output();
    let free = df.ok().and_then(|df| String::from_utf8(df.stdout).ok()?.lines().nth(1)?.trim().parse::<u64>().ok());
    if free >= Some(ENOUGH_KIB) { memory } else { std::env::temp_dir() }
}

fn spawn(bin: &Path, home: &Path, user: Option<User>, port: u16) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "sh", "-c", KEEPER, "sh"]).arg(bin);
    command.arg("-p").arg(port.to_string());
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("HOME", home).current_dir(home);
    // A group of its own: Ctrl-C in the terminal is for the tests, whose end is what the keeper waits for.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command.spawn().expect("setpriv (util-linux) runs")
}

/// The server says in its pid file when it is ready, on the last line; the port in it proves that it is ours.
pub(super) fn wait_ready(child: &mut Child, home: &Path, port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let pid_file = fs::read_to_string(home.join("data/postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = pid_file.lines().map(str::trim).collect();
        if lines.get(3) == Some(&port.to_string().as_str()) && lines.last() == Some(&"ready") {
            return true;
        }
        if child.try_wait().expect("the state of a child").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// `initdb` on the PATH if it is new enough, else the newest of Debian's.
pub(super) fn find_binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|dir| dir.join("initdb").is_file());
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|entry| entry.path().join("bin")).filter(|dir| dir.join("initdb").is_file());
    let mut found: Vec<(u32, PathBuf)> = debian.filter_map(|dir| Some((version(&dir)?, dir))).collect();
    found.sort();
    on_path
        .filter_map(|dir| Some((version(&dir)?, dir)))
        .chain(found.into_iter().rev())
        .find(|(version, _)| *version >= OLDEST)
        .map(|(_, dir)| dir)
        .unwrap_or_else(|| panic!("no PostgreSQL {OLDEST} or later on the PATH or in /usr/lib/postgresql"))
}

/// The major version: `initdb (PostgreSQL) 15.18 (Debian ...)`.
fn version(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("initdb")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(2)?.split('.').next()?.parse().ok()
}

/// The user `postgres` if we are root, else ourselves.
pub(super) fn server_user() -> Option<User> {
    let root = fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).ok() == Some(0);
    if !root {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let postgres = fields.into_iter().find(|fields| fields.first() == Some(&"postgres"));
    let postgres = postgres.expect("PostgreSQL refuses root, and there is no user `postgres` to run it as");
    Some(User { uid: postgres[2].parse().expect("a uid"), gid: postgres[3].parse().expect("a gid") })
}
