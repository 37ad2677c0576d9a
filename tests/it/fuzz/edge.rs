//! Bytes that are no requests, at the edge.

use std::{net::SocketAddr, time::Duration};

use crewup_tests::{Mesh, persona::party};
use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::live::edge::{Edge, plain};

/// Each is a connection of its own.
const SHARE: usize = 20;
const CALLERS: u64 = 64;
const PATHS: [&str; 8] = [
    "/crewup.event.v1.EventService/GetEvent",
    "/crewup.user.v1.UserService/GetMe",
    "/crewup.group.v1.GroupService/SendMessage",
    "/crewup.safety.v1.SafetyService/WatchAlerts",
    "/crewup.user.internal.v1.UserInternalService/EnsureUser",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/%00/../..",
    "/",
];
const TYPES: [&str; 6] =
    ["application/grpc-web+proto", "application/grpc-web-text", "application/grpc", "application/json", "", "\u{1}"];

fn garbage(random: &mut StdRng, most: usize) -> Vec<u8> {
    (0..random.random_range(0..most)).map(|_| random.random()).collect()
}

/// Something like an HTTP request, or nothing like it.
fn bytes(random: &mut StdRng, token: &str) -> Vec<u8> {
    if random.random_range(0..5) == 0 {
        let mut bytes = if random.random() { b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec() } else { Vec::new() };
        bytes.extend(garbage(random, 500));
        return bytes;
    }
    let body = garbage(random, 2000);
    let (path, kind) = (PATHS.choose(random).unwrap(), TYPES.choose(random).unwrap());
    let method = ["POST", "GET", "OPTIONS", "BREW"].choose(random).unwrap();
    let length = if random.random_range(0..4) == 0 { random.random_range(0..5000) } else { body.len() };
    let mut framed = if random.random() { vec![0] } else { vec![random.random()] };
    framed.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    framed.extend(body);
    let length = if length == framed.len() - 5 { framed.len() } else { length };
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\nauthorization: Bearer {token}\r\n\
         x-crewup-user-token: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes();
    bytes.extend(framed);
    for _ in 0..random.random_range(0..3) {
        let at = random.random_range(0..bytes.len());
        bytes[at] = random.random();
    }
    bytes
}

/// Everything that is answered before the edge has enough of it.
async fn answer(edge: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(edge).await.expect("the edge takes connections");
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(bytes).await?;
        stream.read_to_end(&mut answer).await
    };
    // Some say that more comes than does; then nobody answers.
    let _ = tokio::time::timeout(Duration::from_millis(500), talk).await;
    answer
}

fn is_wrong(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    // What ends because its caller hung up is told to nobody.
    ["http/1.1 500", "grpc-status: 13", "grpc-status:13", "grpc-status: 2\r", "grpc-status:2\r"]
        .iter()
        .any(|bad| text.contains(bad))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn x2_whatever_bytes_reach_the_edge_it_stays_and_nothing_is_internal() {
    let (cases, seed) = super::settings();
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.id().await;
    let replicas = ["event", "group", "user", "safety", "moderation"].map(|name| (name, [mesh.addr(name).unwrap(); 2]));
    let edge = Edge::start(&replicas).await;
    let each = cases / SHARE / usize::try_from(CALLERS).unwrap();
    let callers = (0..CALLERS).map(async |caller| {
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(caller));
        let (mut wrong, mut answered) = (Vec::new(), 0);
        for _ in 0..each {
            let bytes = bytes(&mut random, host.token());
            let answer = answer(edge.addr, &bytes).await;
            answered += usize::from(answer.starts_with(b"HTTP/1.1"));
            if is_wrong(&answer) {
                wrong.push((
                    String::from_utf8_lossy(&answer).into_owned(),
                    String::from_utf8_lossy(&bytes).into_owned(),
                ));
            }
        }
        (wrong, answered)
    });
    let done = join_all(callers).await;
    let answered: usize = done.iter().map(|(_, answered)| answered).sum();
    let wrong: Vec<_> = done.into_iter().flat_map(|(wrong, _)| wrong).collect();
    eprintln!("{} connections, {answered} answered as HTTP", each * usize::try_from(CALLERS).unwrap());
    assert!(wrong.is_empty(), "{} wrong answers, the first: {:?}", wrong.len(), wrong[0]);
    assert!(answered > cases / SHARE / 3);
    host.through(&plain(edge.addr)).create(party(None)).await.expect("everybody else is served");
}
