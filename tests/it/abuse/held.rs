//! What becomes of a connection that attacks.

use std::time::Duration;

use crewup_tests::{Mesh, persona::party};
use futures_util::future::join_all;

use super::{attacks, replicas, unguarded, victim, wire::attempt};
use crate::{
    live::edge::{Edge, plain},
    process::Process,
};

/// Frames after which a connection that is still open counts as one that stays.
const MOST: u64 = 20_000;
pub(super) const WITHOUT_TLS: [&str; 3] = ["CREWUP_TLS_CERT_FILE", "CREWUP_TLS_KEY_FILE", "CREWUP_TLS_CA_FILE"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    /// The server closes the connection.
    Cut,
    /// The server takes it all. At a service: it answers, and what it costs is by the byte.
    On,
    /// By how fast it comes and is looked at, or nothing is to be shown by it.
    Any,
}
use Held::{Any, Cut, On};

/// What is done at the edge, straight at a service, at the edge without its bounds, and at a bare server without any. The last two
/// show that it is an attack: without bounds it goes on.
const HELD: [(&str, [Held; 4]); 15] = [
    ("rapid reset (CVE-2023-44487)", [Cut, Any, Any, On]),
    ("endless headers (CVE-2024-27316)", [Cut, Cut, On, On]),
    ("endless empty CONTINUATION", [Cut, Cut, Any, On]),
    ("SETTINGS flood", [Cut, On, On, On]),
    ("SETTINGS flood, answers not read (CVE-2019-9515)", [Cut, On, On, On]),
    ("PING flood", [Cut, On, On, On]),
    ("PING flood, answers not read (CVE-2019-9512)", [Cut, On, On, On]),
    ("empty DATA flood (CVE-2019-9518)", [Cut, Cut, On, Any]),
    ("HPACK bomb", [Cut, Cut, On, On]),
    ("headers of 24 KiB", [Any, On, On, On]),
    ("headers of 60 KiB", [Cut, On, On, On]),
    // h2 may take these for errors of the connection, whatever its bounds: by whether it remembers the stream.
    ("MadeYouReset (CVE-2025-8671): WINDOW_UPDATE of 0", [Cut, Cut, Any, Any]),
    ("MadeYouReset: WINDOW_UPDATE past the largest", [Cut, Cut, Any, On]),
    ("MadeYouReset: DATA after the end", [Cut, Cut, Any, Any]),
    ("MadeYouReset: HEADERS after the end", [Cut, Cut, Any, Any]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn an_attack_on_http2_is_cut_off_where_it_costs_and_everybody_else_is_served() {
    let mesh = Mesh::start().await;
    let (host, attacker) = (mesh.person("host"), mesh.person("attacker"));
    let victim = victim(&attacker).await;
    let edge = Edge::start(&replicas(&mesh)).await;
    let open = Edge::changed(&replicas(&mesh), unguarded::edge).await;
    let settings = [("CREWUP_USER_URL", "http://127.0.0.1:1")];
    let service = Process::start_without(&mesh, "event", &settings, &WITHOUT_TLS);
    service.ready().await;
    let servers = [
        ("the edge", edge.addr),
        ("a service", service.addr),
        ("the edge without bounds", open.addr),
        ("a bare server", unguarded::server().await),
    ];
    let floods: Vec<_> =
        attacks::all().into_iter().filter(|attack| attack.then.is_some() && attack.pause.is_zero()).collect();
    assert!(floods.iter().map(|attack| attack.name).eq(HELD.map(|(name, _)| name)), "a line for each attack");
    let tried = floods.iter().zip(HELD).flat_map(|(attack, (_, held))| {
        let victim = &victim;
        servers.iter().zip(held).map(async move |((at, addr), held)| {
            // What is to stay cannot be waited for.
            let latest = if held == Cut { Duration::from_secs(20) } else { Duration::from_millis(1500) };
            let end = attempt(attack, victim, *addr, MOST, latest).await;
            let is_so = held == Any || end.closed == (held == Cut);
            (!is_so).then(|| format!("{} at {at} is not {held:?}: {end:?}", attack.name))
        })
    });
    let wrong: Vec<_> = join_all(tried).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    host.through(&plain(edge.addr)).create(party(None)).await.expect("everybody else is served");
}
