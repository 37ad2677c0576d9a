//! Attacks on HTTP/2 itself, at the edge and straight at a service: one connection of each, and what becomes of it. What they cost
//! everybody else is in the bench (`bench/src/abuse`), whose attacks these are.

#[allow(dead_code, unreachable_pub, missing_docs, reason = "the bench's own")]
#[path = "../../../bench/src/abuse/attacks.rs"]
mod attacks;
mod bulk;
mod ended;
#[allow(dead_code, unreachable_pub, missing_docs, reason = "the bench's own")]
#[path = "../../../bench/src/abuse/frames.rs"]
mod frames;
mod held;
mod shared;
mod unguarded;
mod wire;

use crewup_proto::event::{EventFilter, ListEventsRequest};
use crewup_tests::{Mesh, Persona, persona::party};
use prost::Message;

use crate::live::edge::Replicas;
use attacks::Victim;

const GET: &str = "/crewup.event.v1.EventService/GetEvent";
const LIST: &str = "/crewup.event.v1.EventService/ListEvents";
const WATCH: &str = "/crewup.event.v1.EventService/WatchEvents";

/// A message as gRPC frames it.
fn framed(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    framed.extend(bytes);
    framed
}

/// Somebody with an account who attacks; the large answer is that of a list of the attacker's events.
async fn victim(attacker: &Persona) -> Victim {
    let creator_id = attacker.id().await;
    attacker.create(party(None)).await.unwrap();
    let filter = Some(EventFilter { creator_id, ..Default::default() });
    Victim {
        authority: "crewup".into(),
        small: GET,
        large: (LIST, framed(&ListEventsRequest { filter, page_size: 100, ..Default::default() })),
        authorization: format!("Bearer {}", attacker.token()),
    }
}

/// A configuration in which `from` is `to`.
fn replaced(text: String, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the edge's configuration has no {from}");
    text.replace(from, to)
}

/// What the edge is in front of.
fn replicas(mesh: &Mesh) -> [Replicas; 5] {
    ["event", "group", "user", "safety", "moderation"].map(|name| (name, [mesh.addr(name).unwrap(); 2]))
}
