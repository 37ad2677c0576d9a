//! What is begun and never ended.

use std::time::Duration;

use crewup_tests::Mesh;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{attacks, attacks::Victim, frames, replaced, replicas, victim, wire::hold};
use crate::live::edge::Edge;

/// As the edge is, with a second for a request or a handshake.
fn hurried(text: String) -> String {
    let text = replaced(text, "request_timeout: 20s", "request_timeout: 1s");
    replaced(text, "transport_socket_connect_timeout: 10s", "transport_socket_connect_timeout: 1s")
}

/// As the edge is, with a second for who says nothing, and who is asked to go first.
fn restless(text: String) -> String {
    replaced(text, "idle_timeout: 300s", "idle_timeout: 1s")
        .replace("request_headers_timeout: 10s", "request_headers_timeout: 10s\n          drain_timeout: 0.5s")
}

/// Whether the other side closes by itself what is silent, and within ten seconds.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut came = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut came)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn the_edge_waits_neither_for_half_requests_nor_for_handshakes_nor_for_the_silent() {
    let mesh = Mesh::start().await;
    let attacker = mesh.person("attacker");
    let victim = victim(&attacker).await;
    let edge = Edge::changed(&replicas(&mesh), hurried).await;
    let half = attacks::all().into_iter().find(|attack| attack.name == "half a request").unwrap();
    // A stream has no deadline of its own, and its request has one none the less.
    for small in [super::GET, super::WATCH] {
        let victim = Victim { small, ..victim.clone() };
        let (bytes, frames) = half.begin(&victim, &mut 1);
        let end = hold(TcpStream::connect(edge.addr).await.unwrap(), bytes, 128).await;
        assert_eq!((frames, end.stuck), (129, false), "{small}: {end:?}");
        assert!(end.answered == 128 || end.closed, "{small}: {end:?}");
    }
    let connect = async |addr| TcpStream::connect(addr).await.unwrap();
    let (mut none, mut half) = (connect(edge.secure).await, connect(edge.secure).await);
    // The beginning of a TLS record.
    half.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    assert_eq!(tokio::join!(is_closed(&mut none), is_closed(&mut half)), (true, true), "no handshake, half of one");

    let edge = Edge::changed(&replicas(&mesh), restless).await;
    let (mut silent, mut idle) = (connect(edge.addr).await, connect(edge.addr).await);
    idle.write_all(&frames::preface(&[])).await.unwrap();
    assert_eq!(tokio::join!(is_closed(&mut silent), is_closed(&mut idle)), (true, true), "silent, idle");
}
