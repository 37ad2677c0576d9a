//! The edge as it runs, in front of replicas of a test's own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crewup_tests::{persona::request_id, pki::pki};
use tonic::transport::{Channel, Endpoint};

use crate::process::{PATIENCE, free};

/// Two replicas of a service, or one of which both are.
pub(crate) type Replicas = (&'static str, [SocketAddr; 2]);

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A channel without TLS. It connects when it is first used.
pub(crate) fn plain(addr: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    endpoint.tcp_nodelay(true).timeout(Duration::from_secs(20)).connect_lazy()
}

/// An Envoy with the configuration of the edge, of which each service has two endpoints. Killed when dropped.
pub(crate) struct Edge {
    child: Child,
    /// Where it serves.
    pub(crate) addr: SocketAddr,
    /// Where it serves with TLS.
    pub(crate) secure: SocketAddr,
    admin: SocketAddr,
    folder: PathBuf,
}

impl Edge {
    pub(crate) async fn start(replicas: &[Replicas]) -> Self {
        Self::traced(replicas, "").await
    }

    /// As [`Edge::start`], with its spans sent to `collector`.
    pub(crate) async fn traced(replicas: &[Replicas], collector: &str) -> Self {
        Self::made(replicas, collector, |text| text).await
    }

    /// As [`Edge::start`], with a configuration that `change` has changed.
    pub(crate) async fn changed(replicas: &[Replicas], change: impl FnOnce(String) -> String) -> Self {
        Self::made(replicas, "", change).await
    }

    async fn made(replicas: &[Replicas], collector: &str, change: impl FnOnce(String) -> String) -> Self {
        let folder = std::env::temp_dir().join(format!("crewup-edge-{}", request_id()));
        let (addr, secure, admin) = (free(), free(), free());
        let mut render = Command::new("python3");
        render.arg(root().join("envoy/render.py")).arg("--out").arg(&folder);
        for (service, [first, _]) in replicas {
            render.env(format!("CREWUP_{}_ADDR", service.to_uppercase()), first.to_string());
        }
        for (name, addr) in [("PORT", addr), ("ADMIN_PORT", admin), ("OPS_PORT", free()), ("TLS_PORT", secure)] {
            render.env(format!("CREWUP_EDGE_{name}"), addr.port().to_string());
        }
        render.env("CREWUP_MESH_DIR", pki().folder());
        render.env("CREWUP_EDGE_RATE", "100000").env("CREWUP_EDGE_BURST", "100000");
        assert!(render.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector).status().unwrap().success());
        let file = folder.join("envoy.yaml");
        let mut text = fs::read_to_string(&file).unwrap();
        for (service, [first, second]) in replicas {
            // In the cluster a name has as many addresses as there are replicas; here each has a port of its own.
            let endpoint = |addr: &SocketAddr| {
                format!(
                    "        - endpoint:\n            address:\n              socket_address: {{address: \"127.0.0.1\", port_value: {}}}\n",
                    addr.port()
                )
            };
            assert_eq!(text.matches(&endpoint(first)).count(), 1, "the endpoint of {service}");
            if first == second {
                continue;
            }
            text = text.replace(&endpoint(first), &format!("{}{}", endpoint(first), endpoint(second)));
        }
        fs::write(&file, change(text)).unwrap();
        let edge = Self { child: Self::envoy(&file), addr, secure, admin, folder };
        edge.healthy(replicas).await;
        edge
    }

    fn envoy(file: &Path) -> Child {
        let mut envoy = Command::new(root().join(".tools/bin/envoy"));
        envoy.arg("-c").arg(file).args(["--log-level", "error", "--concurrency", "1", "--disable-hot-restart"]);
        envoy.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Envoy starts")
    }

    /// Waits until Envoy takes every replica for healthy.
    pub(crate) async fn healthy(&self, replicas: &[Replicas]) {
        let all = async {
            loop {
                let known = reqwest::get(format!("http://{}/clusters", self.admin)).await;
                let known = match known {
                    Ok(known) => known.text().await.unwrap_or_default(),
                    Err(_) => String::new(),
                };
                let is_healthy = |service: &str, addr: &SocketAddr| {
                    known.lines().any(|line| line == format!("{service}::{addr}::health_flags::healthy"))
                };
                if replicas.iter().all(|(service, both)| both.iter().all(|addr| is_healthy(service, addr))) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("Envoy finds all replicas");
    }

    /// A figure of its own; those that were never counted are 0.
    pub(crate) async fn figure(&self, name: &str) -> u64 {
        let url = format!("http://{}/stats?filter=^{}$", self.admin, name.replace('.', "\\."));
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        text.trim().rsplit(' ').next().unwrap_or_default().parse().unwrap_or_default()
    }

    /// As the chart ends a pod: connections are asked to go, then the process is.
    pub(crate) async fn restart(&mut self, replicas: &[Replicas]) {
        let drain = format!("http://{}/drain_listeners?graceful&skip_exit", self.admin);
        let asked = reqwest::Client::new().post(drain).send().await.unwrap();
        assert!(asked.status().is_success());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap();
        self.child = Self::envoy(&self.folder.join("envoy.yaml"));
        self.healthy(replicas).await;
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
