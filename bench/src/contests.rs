//! CrewUp against another way to do the same, on the same machine and in the same run.

use std::{rc::Rc, time::Duration};

use crewup_proto::event::{Area, SearchEventsRequest, SearchEventsResponse, event_service_client::EventServiceClient};
use rand::RngExt as _;
use tonic::transport::Endpoint;

use crate::{
    Failure, calls,
    host::{Process, listening, peer},
    listeners::{self, Listeners},
    load, overload,
    rounds::{Bench, wanted},
    world::{CALLERS, HOT_SEATS, Kind, TOWN, hot, id},
};

pub const NOTIFY: &str = "SendMessage, against a server with NOTIFY in its transaction";
/// Each listener is woken by each message.
pub const NOTIFY_MANY: &str = "SendMessage, against a server with NOTIFY, where the services have grown";
/// NOTIFY's lock is held until the commit is on disk. By this PostgreSQL waits before each flush: what a network's disk or a synchronous
/// standby takes longer than the disk of this machine.
pub const NOTIFY_FAR: &str = "SendMessage, against a server with NOTIFY, where a flush takes a millisecond more";
/// What is left of the difference where messages share a transaction on both sides.
pub const NOTIFY_SHARED: &str = "SendMessage, against itself with NOTIFY in the transaction that messages share";
const FAR: [&str; 2] = ["set commit_delay = 1000", "set commit_siblings = 0"];

/// So many answer to a hot event.
const HOT_CALLERS: u64 = 6_000;

/// How far both got, round by round.
pub struct Contest {
    pub name: &'static str,
    pub unit: &'static str,
    pub ours: Vec<f64>,
    pub theirs: Vec<f64>,
    pub remark: String,
}

/// Those whose name contains `only`.
pub async fn all(bench: &Bench, only: &str) -> Result<Vec<Contest>, Failure> {
    let mut contests = Vec::new();
    if wanted(only, "one hot event") {
        contests.push(hot_event(bench).await?);
    }
    if wanted(only, "SendMessage") {
        contests.extend(notify(bench).await?);
    }
    if wanted(only, "SearchEvents place") {
        contests.push(place(bench).await?);
    }
    if wanted(only, overload::NAME) {
        contests.push(overload::contest(bench).await?);
    }
    Ok(contests)
}

/// More people than there are seats answer to one event, 64 at once, until all were answered: accepted a second, against a
/// bare server that locks and counts.
async fn hot_event(bench: &Bench) -> Result<Contest, Failure> {
    let settings = [("DATABASE_URL", bench.world.url("event"))];
    let peer = peer(&bench.places, "lock-and-count", &settings)?;
    listening(peer.addr).await?;
    let service = bench.host.service("event")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds as u64 {
        eprintln!("round {}: one hot event", round + 1);
        ours.push(sell(bench, service, hot(2 * round)).await?);
        theirs.push(sell(bench, &peer, hot(2 * round + 1)).await?);
    }
    let remark = format!("{HOT_SEATS} seats, {HOT_CALLERS} callers: sold out and not oversold, both");
    Ok(Contest { name: "RSVPs on one hot event, against lock and count", unit: "accepted/s", ours, theirs, remark })
}

/// An event that is not exactly full in the end is no figure.
async fn sell(bench: &Bench, server: &Process, event: u64) -> Result<f64, Failure> {
    let first = rand::rng().random_range(0..CALLERS);
    let at = std::cell::Cell::new(0);
    let next = move || {
        at.set(at.get() + 1);
        (at.get() <= HOT_CALLERS).then(|| calls::going(1 + (first + at.get()) % CALLERS, event))
    };
    let done = load::run(server.addr, &bench.tokens, 64, Duration::from_secs(120), Rc::new(next)).await?;
    let going = format!(
        "select count(*) from event_attendees where event_id = '{}' and status = 'going'",
        id(Kind::Event, event)
    );
    let going = bench.world.number(going).await?;
    if going != HOT_SEATS as i64 {
        return Err(format!("{going} people go to an event of {HOT_SEATS} seats: {:?}", done.failed).into());
    }
    Ok(done.per_second())
}

/// SendMessage, against a bare server that writes each message in a transaction of its own with NOTIFY in it: with few who listen,
/// with more, and with a disk that is further away. And against itself with NOTIFY in the transactions that its messages share.
async fn notify(bench: &Bench) -> Result<[Contest; 4], Failure> {
    let settings = [("DATABASE_URL", bench.world.url("group"))];
    let peer = &peer(&bench.places, "send-and-notify", &settings)?;
    listening(peer.addr).await?;
    let near = sending(bench, NOTIFY, listeners::FEWEST, Rival::Server(peer)).await?;
    let many = sending(bench, NOTIFY_MANY, listeners::MOST, Rival::Server(peer)).await?;
    bench.world.configure(FAR).await?;
    let far = sending(bench, NOTIFY_FAR, listeners::FEWEST, Rival::Server(peer)).await;
    bench.world.configure(["reset commit_delay", "reset commit_siblings"]).await?;
    let shared = sending(bench, NOTIFY_SHARED, listeners::FEWEST, Rival::Trigger).await?;
    Ok([near, many, far?, shared])
}

/// Who else sends.
#[derive(Clone, Copy)]
enum Rival<'a> {
    Server(&'a Process),
    /// The group service, when a trigger notifies.
    Trigger,
}

async fn sending(bench: &Bench, name: &'static str, count: usize, rival: Rival<'_>) -> Result<Contest, Failure> {
    let listeners = Listeners::start(count, bench.world.url("group"), "crews").await?;
    let case = calls::named("SendMessage")?;
    let service = bench.host.service("group")?;
    if matches!(rival, Rival::Trigger) {
        bench.world.execute(TELL).await?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        eprintln!("round {}: {name}", round + 1);
        ours.push(bench.sample(service, service.addr, None, case.calls()).await?.per_second);
        theirs.push(match rival {
            Rival::Server(peer) => bench.sample(peer, peer.addr, None, case.calls()).await?.per_second,
            Rival::Trigger => {
                bench.world.execute("alter table messages enable trigger bench_tell").await?;
                let sample = bench.sample(service, service.addr, None, case.calls()).await?;
                bench.world.execute("alter table messages disable trigger bench_tell").await?;
                sample.per_second
            }
        });
    }
    let heard = listeners.end()?;
    if heard == 0 {
        return Err("nobody heard of a message".into());
    }
    let remark = format!("{count} listeners, of which each heard of {heard} messages");
    Ok(Contest { name, unit: "calls/s", ours, theirs, remark })
}

const TELL: &str = "create function bench.tell() returns trigger language plpgsql as
    $$ begin perform pg_notify('crews', new.group_id::text); return null; end $$;
    create trigger bench_tell after insert on messages for each row execute function bench.tell();
    alter table messages disable trigger bench_tell";

/// The statement of a place search in the dense town, against one led by the reference's index (latitude, longitude); and
/// whether anything near is missing.
async fn place(bench: &Bench) -> Result<Contest, Failure> {
    const RADIUS: i32 = 5_000;
    let (latitude, longitude) = TOWN;
    let reference = format!(
        "select e.id, round(crewup.distance_m(e.latitude::float8, e.longitude::float8, {latitude}, {longitude})) as meters
         from events e
         where e.latitude between {latitude} - {RADIUS} / 111000.0 and {latitude} + {RADIUS} / 111000.0
           and e.longitude between {longitude} - {RADIUS} / 75000.0 and {longitude} + {RADIUS} / 75000.0
           and not e.is_cancelled and e.is_public and e.deleted_at is null
           and crewup.effective_end(e.event_start, e.event_end) > crewup.now()
           and crewup.distance_m(e.latitude::float8, e.longitude::float8, {latitude}, {longitude}) <= {RADIUS}
         order by meters, e.id
         limit 51;\n"
    );
    let case = Rc::new(calls::in_the_middle());
    let addr = bench.host.service("event")?.addr;
    let script = crate::pgbench::script(&bench.world, &bench.log, &case, addr, &bench.tokens).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        eprintln!("round {}: places", round + 1);
        ours.push(bench.pgbench.run(&bench.world, "event", &script, 0)?);
        theirs.push(bench.pgbench.run(&bench.world, "event", &reference, 0)?);
    }
    let remark = format!("recall of the first 50 at 200 places: {:.4}", recall(bench, RADIUS).await?);
    Ok(Contest { name: "Place search, against the reference's index", unit: "statements/s", ours, theirs, remark })
}

/// Which part of the true first 50 a first page has; equals by whole metres are equal.
async fn recall(bench: &Bench, radius: i32) -> Result<f64, Failure> {
    let addr = bench.host.service("event")?.addr;
    let channel = Endpoint::from_shared(format!("http://{addr}"))?.connect().await?;
    let (mut found, mut wanted) = (0, 0);
    for at in 0..200 {
        let center = calls::in_town();
        let mut request = tonic::Request::new(SearchEventsRequest {
            area: Some(Area { center: Some(center), radius_meters: radius }),
            page_size: 50,
            ..Default::default()
        });
        let token = bench.tokens[at].to_str()?.parse()?;
        request.metadata_mut().insert("authorization", token);
        let page: SearchEventsResponse =
            EventServiceClient::new(channel.clone()).search_events(request).await?.into_inner();
        let (latitude, longitude) = (center.latitude, center.longitude);
        // How many of the first 50 there are, and how far the last of them is, in one number.
        let truth = format!(
            "select count(*) * 1000000 + coalesce(max(n.meters), 0)
             from (select round(crewup.distance_m(e.latitude::float8, e.longitude::float8, {latitude}, {longitude}))::bigint
                       as meters
                   from events e
                   where e.latitude between {latitude} - 0.1 and {latitude} + 0.1 and not e.is_cancelled and e.is_public
                     and crewup.effective_end(e.event_start, e.event_end) > crewup.now()
                   order by 1 limit 50) n
             where n.meters <= {radius}"
        );
        let truth = bench.world.number(truth).await?;
        let (count, last) = (truth / 1_000_000, truth % 1_000_000);
        wanted += count;
        found += page
            .results
            .iter()
            .filter(|result| i64::from(result.distance_meters.unwrap_or(i32::MAX)) <= last)
            .count()
            .min(usize::try_from(count)?);
    }
    Ok(found as f64 / wanted as f64)
}
