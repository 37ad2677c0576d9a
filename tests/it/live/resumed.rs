//! The TypeScript client through the real edge, while replicas are killed (C4).

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use crewup_tests::Mesh;

use super::{
    edge::{Edge, root},
    members, untold,
};
use crate::process::Process;

const KILLS: i64 = 4;
const EACH: i64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy, Node and the built client: ./dev test"]
async fn c4_a_chat_of_the_typescript_client_goes_on_at_the_other_replica_when_its_own_is_killed() {
    assert!(root().join("web/client/dist/index.js").exists(), "`npm ci && npm run build` in web/client comes first");
    let mesh = Mesh::start().await;
    let (people, crew) = members(&mesh, 2).await;
    let mut both = [Process::start(&mesh, "group", &[]), Process::start(&mesh, "group", &[])];
    for process in &both {
        process.ready().await;
    }
    let alone = |name| (name, [mesh.addr(name).unwrap(); 2]);
    let replicas = [
        ("group", both.each_ref().map(|process| process.addr)),
        alone("event"),
        alone("user"),
        alone("safety"),
        alone("moderation"),
    ];
    let edge = Edge::start(&replicas).await;
    let mut follow = Command::new("node")
        .arg(root().join("web/client/test/node/follow.mjs"))
        .env("CREWUP_TOKEN", people[1].token())
        .env("CREWUP_GROUP", &crew)
        .env("CREWUP_EDGE_URL", format!("http://{}", edge.addr))
        .env("CREWUP_UNTIL", (2 + KILLS * EACH).to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node starts");
    let (tell, told) = mpsc::channel();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let next = || told.recv_timeout(Duration::from_secs(30)).expect("the client says something");

    let (mut last, mut cuts) = (0, 0);
    // The entries come each once and in order; how often it was cut is counted beside them.
    let mut until = |wanted: i64| {
        while last < wanted {
            match next().as_str() {
                "reconnecting" => cuts += 1,
                "connecting" | "live" => {}
                line => {
                    let sequence: i64 = line.parse().expect("a number");
                    assert_eq!(sequence, last + 1, "a gap or a double");
                    last = sequence;
                }
            }
        }
        cuts
    };
    until(2);
    for round in 0..KILLS {
        let killed = usize::try_from(round % 2).unwrap();
        both[killed].kill_9();
        untold(&mesh, &crew, &people[0], EACH, "while it was down").await;
        until(2 + (round + 1) * EACH);
        both[killed] = Process::start_at(&mesh, "group", both[killed].addr, &[]);
        both[killed].ready().await;
        edge.healthy(&replicas).await;
    }
    let cuts = until(2);
    assert!(follow.wait().unwrap().success());
    assert!((1..=KILLS).contains(&cuts), "{cuts} cuts by {KILLS} kills");
}
