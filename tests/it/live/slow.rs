//! Readers that do not read (C5, S13).

use std::time::{Duration, Instant};

use crewup_tests::{Mesh, refusal::Refusal};

use super::{members, untold};

/// The resident memory of this process, in KiB: the services run in it.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_a_reader_that_stops_is_cut_off_with_its_number_and_the_others_see_no_delay() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 3).await;
    // Each on a connection of its own: on a shared one, who does not read fills the window of all.
    let mut stopped = mesh.elsewhere(&people[1]).listening(&made).await;
    let mut reads = people[2].listening(&made).await;
    let text = "x".repeat(2000);
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        untold(&mesh, &made, &people[0], 200, &text).await;
        let begun = Instant::now();
        people[1].say(&made, "told").await.unwrap();
        while reads.text().await != "told" {}
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");

    let mut got = 3;
    let end = loop {
        match stopped.next().await {
            Ok(item) => {
                if let Some(crewup_proto::group::stream_group_response::Change::Entry(entry)) = item.change {
                    assert_eq!(entry.sequence, got + 1, "what was on its way is in order");
                    got = entry.sequence;
                }
            }
            Err(status) => break Refusal::of(&status),
        }
    };
    assert_eq!((end.reason.as_str(), end.sequence), ("SLOW_READER", Some(got)));
    let mut resumed = people[1].listen(&made, Some(got)).await.unwrap();
    assert_eq!(resumed.history().await, (got + 1..=3 + 2010).collect::<Vec<_>>(), "and goes on from there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_readers_that_stop_take_no_memory() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    let mut stopped = Vec::new();
    for _ in 0..50 {
        stopped.push(mesh.elsewhere(&people[1]).listening(&made).await);
    }
    let mut reads = people[1].listening(&made).await;
    let text = "x".repeat(2000);
    let mut flood = async |times| {
        for _ in 0..times {
            untold(&mesh, &made, &people[0], 200, &text).await;
            people[1].say(&made, "told").await.unwrap();
            while reads.text().await != "told" {}
        }
    };
    flood(5).await;
    let before = resident();
    // 50 readers, of each 4 MB that they do not read.
    flood(10).await;
    let grown = resident() - before;
    assert!(grown < 100_000, "{grown} KiB for 200 MB that nobody reads");
}
