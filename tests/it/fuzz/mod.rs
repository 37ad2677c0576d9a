//! Requests that nobody would write: whatever is sent, nothing panics and nothing is INTERNAL (X2, X15).
//!
//! `CREWUP_FUZZ_CASES` says how many, `CREWUP_FUZZ_SEED` which ones; the seed is printed.

mod edge;
mod generate;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use crewup_issuer::Person;
use crewup_proto::{
    call::{Access, CALLS, Call},
    moderation::reported_object::Object,
    safety::TriggerAlertRequest,
};
use crewup_tests::{Mesh, Persona, Refusal, pki::pki, raw};
use futures_util::future::join_all;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use rand::{SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tonic::{Code, Status, transport::Channel};

use crate::{limits::request_of, safety::night_out_of};
use generate::Generator;

const CASES: usize = 100_000;
const CALLERS: usize = 24;

/// How many cases are tried, and by which seed.
fn settings() -> (usize, u64) {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let cases = number("CREWUP_FUZZ_CASES").map_or(CASES, |cases| usize::try_from(cases).unwrap());
    let seed = number("CREWUP_FUZZ_SEED").unwrap_or_else(rand::random);
    eprintln!("CREWUP_FUZZ_SEED={seed} CREWUP_FUZZ_CASES={cases}");
    (cases, seed)
}

/// A call and how it is reached.
struct Target {
    call: &'static Call,
    request: MessageDescriptor,
    /// By whom it can be made, in some state: their tokens.
    headers: Vec<Vec<(&'static str, String)>>,
    channel: Channel,
}

/// Who calls, and what there is to be called for.
struct Stage {
    targets: Vec<Target>,
    ids: Vec<String>,
}

async fn stage(mesh: &Mesh, people: &[Persona], event: String, crew: String) -> Stage {
    let bearer = |token: &str| format!("Bearer {token}");
    let moderator = mesh.person("mod");
    let (spare, victim) = (mesh.person("spare"), mesh.person("victim"));
    let [moderates, dies] = [moderator.id().await, victim.id().await];
    spare.id().await;
    let message = people[0].say(&crew, "Hello").await.unwrap().id;
    let alert = people[1].raise_as(TriggerAlertRequest::default()).await.unwrap().id;
    let report = people[2].report(Object::MessageId(message.clone())).await.unwrap().id;
    let second = people[0].create(crewup_tests::persona::party(Some(4))).await.unwrap().id;
    // Nobody who calls can be banned: the moderators' ids are for nobody's calls but theirs, who outranks them.
    let ids = vec![event, second, crew, message, alert, report, dies, moderates, crate::user::absent()];
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let person = |person: &Persona| vec![("authorization", bearer(person.token()))];
    let targets = CALLS.iter().map(|call| {
        let service = call.path.split('.').nth(1).unwrap();
        let internal = call.access.contains(&Access::Service);
        let headers = if internal {
            let mut headers = vec![("authorization", bearer(&mesh.issuer().service_token("moderation")))];
            headers.push(("x-crewup-user-token", bearer(people[0].token())));
            vec![headers]
        } else if ["/EraseMe", "/DeactivateMe"].iter().any(|end| call.path.ends_with(end)) {
            vec![person(&spare)]
        } else if call.access == [Access::Moderator] {
            vec![person(&moderator)]
        } else {
            people.iter().chain([&moderator]).map(person).collect()
        };
        let as_whom = if internal { "moderation" } else { "edge" };
        let channel = pki().channel(as_whom, service, mesh.addr(service).unwrap());
        Target { call, request: request_of(&pool, call.path), headers, channel }
    });
    Stage { targets: targets.collect(), ids }
}

/// What an answer must never be.
fn is_wrong(status: &Status) -> bool {
    // Also fails where it has not the shape of ours.
    let refusal = Refusal::of(status);
    matches!(refusal.code, Code::Internal | Code::Unknown | Code::DataLoss | Code::Unimplemented)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x2_x15_whatever_is_sent_nothing_panics_and_nothing_is_internal() {
    let (cases, seed) = settings();
    let mesh = Mesh::start_with(&["--db-connections", "30"]).await;
    let (mesh, people, event, crew) = night_out_of(mesh).await;
    let nobody = mesh.person_as(&Person::named("late"));
    let people: Vec<_> = people.into_iter().chain([nobody]).collect();
    let stage = Arc::new(stage(&mesh, &people, event.id, crew).await);
    let now = i64::try_from(crewup_shared::clock::unix_seconds()).unwrap();
    let (began, next) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let callers = (0..CALLERS as u64).map(|caller| {
        let (stage, next) = (Arc::clone(&stage), Arc::clone(&next));
        tokio::spawn(async move {
            let mut seen = HashMap::<(&str, Code), usize>::new();
            let mut wrong = Vec::new();
            let random = StdRng::seed_from_u64(seed.wrapping_add(caller));
            let mut generator = Generator { random, ids: &stage.ids, now };
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= cases {
                    return (seen, wrong);
                }
                let target = &stage.targets[at % stage.targets.len()];
                let body = generator.request(&target.request);
                let headers = target.headers.choose(&mut generator.random).unwrap();
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
                let answer = match target.call.server_stream {
                    true => raw::open(target.channel.clone(), target.call.path, &headers, body.clone()).await,
                    false => {
                        raw::call_by(target.channel.clone(), target.call.path, &headers, body.clone()).await.map(drop)
                    }
                };
                let code = answer.as_ref().err().map_or(Code::Ok, Status::code);
                *seen.entry((target.call.path, code)).or_default() += 1;
                if let Err(status) = answer
                    && is_wrong(&status)
                {
                    let hex: String = body.iter().take(400).map(|byte| format!("{byte:02x}")).collect();
                    wrong.push(format!("{} {hex}: {status:?}", target.call.path));
                }
            }
        })
    });
    let (mut seen, mut wrong) = (HashMap::<(&str, Code), usize>::new(), Vec::new());
    for done in join_all(callers).await {
        let (part, bad) = done.expect("no panic");
        part.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count);
        wrong.extend(bad);
    }
    let sum = |codes: &[Code]| {
        seen.iter().filter(|((_, code), _)| codes.contains(code)).map(|(_, count)| count).sum::<usize>()
    };
    let all: usize = seen.values().sum();
    let served = CALLS.iter().filter(|call| seen.contains_key(&(call.path, Code::Ok))).count();
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "{all} cases of {} calls, {served} of which also succeeded, in {seconds:.0} s; {} OK, {} INVALID_ARGUMENT, {} UNAVAILABLE",
        CALLS.len(),
        sum(&[Code::Ok]),
        sum(&[Code::InvalidArgument]),
        sum(&[Code::Unavailable]),
    );
    assert!(wrong.is_empty(), "{} wrong answers, the first: {}", wrong.len(), wrong[0]);
    assert_eq!(all, cases);
    // Else it would be the door that is tried, and not the rooms.
    assert!(cases < CASES || served > CALLS.len() / 2, "only {served} calls ever succeeded");
    assert!(sum(&[Code::Unavailable, Code::DeadlineExceeded]) < all / 50, "{seen:?}");
}
