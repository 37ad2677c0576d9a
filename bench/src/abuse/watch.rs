//! What a process holds: memory, connections, streams.

use std::{cell::Cell, collections::HashMap, fs, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Failure, host::Process};

/// Of Envoy: open connections and requests, by callers and to services.
const OPEN: [&str; 4] = [
    "http.plain.downstream_cx_active",
    "http.plain.downstream_rq_active",
    "cluster.event.upstream_rq_active",
    "cluster.event.upstream_rq_pending_active",
];

/// Resident memory, in MiB.
pub fn resident(process: &Process) -> Result<f64, Failure> {
    Ok(process.resident()? / 1024.0)
}

/// Connections that were made to `addr` and are open at its side.
pub fn connections(addr: SocketAddr) -> Result<usize, Failure> {
    const ESTABLISHED: &str = "01";
    let port = format!(":{:04X}", addr.port());
    let table = fs::read_to_string("/proc/net/tcp")?;
    let is_one = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().take(4).collect();
        fields.len() == 4 && fields[1].ends_with(&port) && fields[3] == ESTABLISHED
    };
    Ok(table.lines().filter(is_one).count())
}

/// The largest that each of `processes` becomes while this is polled, in MiB.
pub async fn largest(processes: &[&Process], most: &[Cell<f64>]) -> Result<(), Failure> {
    loop {
        for (process, most) in processes.iter().zip(most) {
            most.set(most.get().max(resident(process)?));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What Envoy has open, by name.
pub async fn open(envoy: &Process) -> Result<HashMap<String, u64>, Failure> {
    let text = get(envoy.figures, "/stats?filter=_active$").await?;
    let all = text.lines().filter_map(|line| line.split_once(": "));
    let ours = all.filter(|(name, _)| OPEN.contains(name));
    ours.map(|(name, value)| Ok((name.to_owned(), value.trim().parse()?))).collect()
}

/// What Envoy has allocated, in MiB. What it has freed it may keep for the next time, so that it stays resident.
pub async fn allocated(envoy: &Process) -> Result<f64, Failure> {
    const NAME: &str = "\"allocated\": \"";
    let text = get(envoy.figures, "/memory").await?;
    let number = text.split_once(NAME).and_then(|(_, rest)| rest.split_once('"')).ok_or("no such figure")?.0;
    Ok(number.parse::<f64>()? / f64::from(1 << 20))
}

/// How many connections to the service ended under Envoy's calls so far.
pub async fn broken(envoy: &Process) -> Result<u64, Failure> {
    const NAME: &str = "cluster.event.upstream_cx_destroy_remote_with_active_rq";
    let text = get(envoy.figures, &format!("/stats?filter={NAME}")).await?;
    let line = text.lines().find_map(|line| line.strip_prefix(NAME)).ok_or("no such figure")?;
    Ok(line.trim_start_matches(':').trim().parse()?)
}

/// Connections of a service to its database that are in use; it looks itself every second.
pub async fn leases(service: &Process) -> Result<u64, Failure> {
    let text = get(service.figures, "/metrics").await?;
    let line = text.lines().find(|line| line.starts_with("crewup_db_connections_used")).ok_or("no such figure")?;
    Ok(line.split_whitespace().last().ok_or("no number")?.parse::<f64>()? as u64)
}

async fn get(addr: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
