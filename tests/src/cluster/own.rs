//! A PostgreSQL of a test's own, which it may kill.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::server::{User, find_binaries, server_user, wait_ready};
use crate::ports;

/// One server with its data, which outlive neither the value nor the thread that started it.
pub struct Own {
    bin: PathBuf,
    home: PathBuf,
    user: Option<User>,
    /// Where it listens, also after a restart.
    pub port: u16,
    child: Child,
}

impl Own {
    /// A new one, which writes to disk before it acknowledges.
    #[must_use]
    pub fn start() -> Self {
        let (bin, user, port) = (find_binaries(), server_user(), ports::free());
        let home = std::env::temp_dir().join(format!("crewup-pg-own-{}-{port}", std::process::id()));
        fs::create_dir(&home).expect("a fresh directory");
        if let Some(User { uid, gid }) = user {
            chown(&home, Some(uid), Some(gid)).expect("a directory of the server's user");
        }
        let data = home.join("data").display().to_string();
        let initdb = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        let mut made = command(&bin.join("initdb"), &home, user);
        assert!(made.args(initdb).status().expect("initdb runs").success(), "initdb succeeds");
        let child = serve(&bin, &home, user, port);
        let mut own = Self { bin, home, user, port, child };
        assert!(wait_ready(&mut own.child, &own.home, port), "PostgreSQL starts");
        own
    }

    /// As when the machine loses power: every process of it at once, in the middle of whatever it does.
    pub fn kill_9(&mut self) {
        let group = format!("-{}", self.child.id());
        assert!(Command::new("kill").args(["-9", "--", &group]).status().expect("kill runs").success());
        self.child.wait().expect("it is gone");
    }

    /// Starts it again after [`Self::kill_9`]; it recovers from its log. Blocks until it is ready.
    pub fn restart(&mut self) {
        fs::remove_file(self.home.join("data/postmaster.pid")).expect("what the killed one left");
        self.child = serve(&self.bin, &self.home, self.user, self.port);
        assert!(wait_ready(&mut self.child, &self.home, self.port), "PostgreSQL starts again");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// A command of the server's user, which ends with whoever started it, in a group of its own.
fn command(program: &Path, home: &Path, user: Option<User>) -> Command {
    use std::os::unix::process::CommandExt as _;

    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command.current_dir(home).process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn serve(bin: &Path, home: &Path, user: Option<User>, port: u16) -> Child {
    let mut postgres = command(&bin.join("postgres"), home, user);
    postgres.arg("-D").arg(home.join("data")).arg("-k").arg(home).args(["-p", &port.to_string()]);
    // What is killed removes nothing, so all that it has is in its directory.
    for setting in [
        "listen_addresses=127.0.0.1",
        "dynamic_shared_memory_type=mmap",
        "max_connections=200",
        "log_min_messages=fatal",
        "timezone=UTC",
    ] {
        postgres.args(["-c", setting]);
    }
    postgres.spawn().expect("setpriv (util-linux) runs")
}
