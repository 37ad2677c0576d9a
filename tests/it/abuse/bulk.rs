//! Answers that are large, at a service.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use crewup_proto::event::ListEventsRequest;
use crewup_tests::refusal::reason;
use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    attacks::Victim,
    frames::{END_STREAM, Frame, HEADERS},
    held::WITHOUT_TLS,
    shared::{called, scene, until},
};
use crate::{live::edge::plain, process::Process};

/// Asks for 32 large answers of which it takes nothing; counts those that end without one.
async fn ask(victim: &Victim, service: SocketAddr, refused: &AtomicUsize) {
    let mut stream = TcpStream::connect(service).await.unwrap();
    let (bytes, _) = called("slow read").begin(victim, &mut 1);
    stream.write_all(&bytes).await.unwrap();
    let mut came = Vec::new();
    while stream.read_buf(&mut came).await.is_ok_and(|read| read > 0) {
        while let Some(frame) = Frame::take(&mut came) {
            refused.fetch_add(usize::from(frame.kind == HEADERS && frame.flags & END_STREAM != 0), Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_has_as_many_large_answers_under_way_as_it_has_places_and_serves_all_else() {
    let (mesh, host, event, victim) = scene().await;
    let settings = [("CREWUP_USER_URL", "http://127.0.0.1:1"), ("CREWUP_DB_CONNECTIONS", "6")];
    let service = Process::start_without(&mesh, "event", &settings, &WITHOUT_TLS);
    service.ready().await;
    let (others, list) = (host.through(&plain(service.addr)), ListEventsRequest::default());
    others.events().list_events(list.clone()).await.unwrap();

    let refused = AtomicUsize::new(0);
    let asking = join_all((0..3).map(|_| ask(&victim, service.addr, &refused)));
    let served = async {
        // Places for 6 connections and a third more.
        until(async || refused.load(Ordering::Relaxed) == 96 - 8).await;
        for _ in 0..20 {
            others.get(&event.id).await.unwrap();
        }
        let answer = others.events().list_events(list.clone()).await;
        assert_eq!(reason(answer), "OVERLOADED", "no place is free");
        assert_eq!(refused.load(Ordering::Relaxed), 96 - 8, "those that wait still do");
    };
    tokio::select! {
        _ = asking => panic!("the service closed the connections"),
        () = served => {}
    }
    until(async || others.events().list_events(list.clone()).await.is_ok()).await;
}
