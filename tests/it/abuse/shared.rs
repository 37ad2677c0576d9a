//! What all callers share behind the edge: its connections to a service, its memory, its places.

use std::{net::SocketAddr, time::Duration};

use crewup_proto::event::Event;
use crewup_tests::{Mesh, Persona, persona::party};
use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    attacks,
    attacks::{Attack, Victim},
    frames, replaced, replicas, victim,
    wire::{attempt, hold},
};
use crate::live::edge::{Edge, plain};

/// Makes the attacker's list an answer of 1.5 MB.
async fn large(mesh: &Mesh, attacker: &Persona) {
    for _ in 0..20 {
        let made = join_all((0..5).map(|_| attacker.create(party(None)))).await;
        made.into_iter().for_each(|made| drop(made.unwrap()));
    }
    sqlx::query("update events set description = repeat('\u{20ac}', 5000) where creator_id = $1::uuid")
        .bind(attacker.id().await)
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
}

/// A mesh, an honest person with an event, and whom an attacker with large answers asks.
pub(super) async fn scene() -> (Mesh, Persona, Event, Victim) {
    let mesh = Mesh::start().await;
    let (host, attacker) = (mesh.person("host"), mesh.person("attacker"));
    let event = host.create(party(None)).await.unwrap();
    large(&mesh, &attacker).await;
    let victim = victim(&attacker).await;
    (mesh, host, event, victim)
}

/// How many bytes of a large answer come to who takes 64 KiB of it every tenth of a second, and what comes in the end.
async fn slowly(victim: &Victim, edge: SocketAddr) -> (usize, String) {
    const PART: u32 = 65_536;
    let mut stream = TcpStream::connect(edge).await.unwrap();
    let attack = Attack { settings: &[], ..called("slow read") };
    let (mut bytes, _) = attack.begin(&Victim { ..victim.clone() }, &mut 1);
    // One call of them.
    bytes.truncate(first_call(&bytes));
    stream.write_all(&bytes).await.unwrap();
    let (mut came, mut size) = (Vec::new(), 0);
    loop {
        match tokio::time::timeout(Duration::from_millis(100), stream.read_buf(&mut came)).await {
            Ok(Ok(0)) | Ok(Err(_)) => return (size, "closed".into()),
            Ok(Ok(_)) => {}
            Err(_) => {
                let mut more = Vec::new();
                for stream in [0, 1] {
                    frames::frame(&mut more, frames::WINDOW_UPDATE, 0, stream, &PART.to_be_bytes());
                }
                stream.write_all(&more).await.unwrap();
            }
        }
        while let Some(frame) = frames::Frame::take(&mut came) {
            match frame.kind {
                frames::DATA => size += frame.payload.len(),
                frames::HEADERS if frame.flags & frames::END_STREAM != 0 => {
                    return (size, String::from_utf8_lossy(&frame.payload).into_owned());
                }
                frames::RST_STREAM | frames::GOAWAY => return (size, format!("{:?}", frame.code())),
                _ => {}
            }
        }
    }
}

/// Where the first call ends: after the preface, the settings, HEADERS and DATA.
fn first_call(bytes: &[u8]) -> usize {
    let mut rest = bytes[frames::PREFACE.len()..].to_vec();
    (0..3).for_each(|_| drop(frames::Frame::take(&mut rest)));
    bytes.len() - rest.len()
}

pub(super) fn called(name: &str) -> Attack {
    attacks::all().into_iter().find(|attack| attack.name.starts_with(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn answers_that_nobody_reads_hold_up_nobody_else_and_who_reads_slowly_gets_all() {
    let (mesh, host, event, victim) = scene().await;
    // Else the edge would try again, and then give up, what has not come in a second: they shall wait.
    let patient = |text| replaced(text, "per_try_timeout: 1s", "per_try_timeout: 20s");
    let edge = Edge::changed(&replicas(&mesh), patient).await;
    let (size, end) = slowly(&victim, edge.addr).await;
    assert!(size > 1_500_000 && end.contains('0'), "{size} bytes, then {end}");

    let attack = called("slow read");
    let mut stopped = TcpStream::connect(edge.addr).await.unwrap();
    let (bytes, _) = attack.begin(&victim, &mut 1);
    stopped.write_all(&bytes).await.unwrap();
    let waiting = async || edge.figure("cluster.event.upstream_flow_control_paused_reading_total").await;
    until(async || waiting().await >= 32).await;
    let others = host.through(&plain(edge.addr));
    for _ in 0..20 {
        others.get(&event.id).await.unwrap();
    }
    assert!(edge.figure("http.plain.downstream_rq_active").await >= 32, "they wait still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn when_memory_runs_out_the_edge_ends_what_holds_most_and_goes_on() {
    let (mesh, host, event, victim) = scene().await;
    let small = |text| {
        let text = replaced(text, "stream_flush_timeout: 30s", "stream_flush_timeout: 1s");
        let text = replaced(text, "{max_stream_duration: 20s,", "{max_stream_duration: 3s,");
        replaced(text, "max_heap_size_bytes: 419430400", "max_heap_size_bytes: 25165824")
    };
    let edge = Edge::changed(&replicas(&mesh), small).await;
    let (bytes, _) = called("slow read").begin(&victim, &mut 1);
    let ended = async || edge.figure("envoy.overload_actions.reset_high_memory_stream.count").await;
    // So much is made at a time that some of it waits when the edge looks.
    for _ in 0..5 {
        let stopped = hold(TcpStream::connect(edge.addr).await.unwrap(), bytes.clone(), 32).await;
        assert_eq!((stopped.reset(), stopped.closed), (32, false), "{stopped:?}");
        if ended().await > 0 {
            break;
        }
    }
    assert!(ended().await > 0, "none was ended for what it holds");
    let others = host.through(&plain(edge.addr));
    until(async || others.get(&event.id).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn what_one_caller_resets_does_not_break_the_calls_of_others() {
    let mesh = Mesh::start().await;
    let (host, attacker) = (mesh.person("host"), mesh.person("attacker"));
    let event = host.create(party(None)).await.unwrap();
    let victim = victim(&attacker).await;
    let edge = Edge::start(&replicas(&mesh)).await;
    let attack = called("rapid reset");
    let honest = async {
        for _ in 0..200 {
            host.through(&plain(edge.addr)).get(&event.id).await.unwrap();
        }
    };
    let attacking = async {
        for _ in 0..20 {
            let end = attempt(&attack, &victim, edge.addr, 20_000, Duration::from_secs(20)).await;
            assert!(end.closed, "{end:?}");
        }
    };
    tokio::join!(honest, attacking);
    assert_eq!(edge.figure("cluster.event.upstream_cx_destroy_remote_with_active_rq").await, 0);
}

/// Waits until it is so.
pub(super) async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it becomes so");
}
