//! Live streams: how late the last subscriber gets a message, how many deliveries there are in a second, and what a stream
//! costs on which nothing happens.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use crewup_proto::group::{
    GetGroupRequest, SendMessageRequest, StreamGroupRequest, StreamGroupResponse, stream_group_response::Change,
    timeline_entry::Content,
};
use h2::client::SendRequest;
use http::Request;
use prost::Message as _;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::{net::TcpStream, sync::Notify, task::LocalSet};
use uuid::Uuid;

use crate::{
    Failure, clock,
    load::{self, Call, Tokens},
    rounds::{Bench, wanted},
    world::{Kind, id, in_circle},
};

const PATH: &str = "/crewup.group.v1.GroupService/StreamGroup";
/// Messages a second, of all crews together, while it is measured how late they arrive.
const RATE: u32 = 100;
/// Seconds of a round in which that is measured.
const SECONDS: u32 = 10;
/// How often every crew gets a message at once, in a round in which deliveries are counted.
const BURSTS: usize = 10;

/// What was measured.
pub struct Figure {
    pub name: String,
    pub is: f64,
    pub unit: &'static str,
    pub floor: f64,
    /// Whether less is better.
    pub at_most: bool,
}

impl Figure {
    /// Whether the floor is.
    pub fn is_met(&self) -> bool {
        if self.at_most { self.is <= self.floor } else { self.is >= self.floor }
    }
}

/// All of it, if `only` wants streams.
pub async fn all(bench: &Bench, only: &str) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    if !wanted(only, "streams") {
        return Ok(figures);
    }
    bench.tidy().await?;
    bench.rest().await?;
    figures.extend(idle(bench).await?);
    for (crews, members) in [(1_000, 10), (200, 50)] {
        eprintln!("{crews} crews of {members}");
        figures.extend(crowd(bench, crews, members).await?);
    }
    Ok(figures)
}

/// What was received.
#[derive(Default)]
struct Inbox {
    live: Cell<usize>,
    entries: Cell<usize>,
    /// By when a message was sent, in microseconds since the beginning: how many got it, and when the last did.
    arrivals: RefCell<HashMap<u64, (usize, u64)>>,
    failed: RefCell<Option<String>>,
    news: Notify,
}

impl Inbox {
    /// Waits until `enough`.
    async fn until(&self, enough: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let waited = async {
            while !enough(self) {
                if let Some(failed) = self.failed.borrow_mut().take() {
                    return Err(failed.into());
                }
                self.news.notified().await;
            }
            Ok(())
        };
        tokio::time::timeout(Duration::from_secs(60), waited)
            .await
            .map_err(|_| format!("{} live, {} entries, and no more", self.live.get(), self.entries.get()))?
    }
}

/// The `at`th of those who listen to the `crew`th crew.
fn listener(crew: u64, at: u64) -> (u64, Uuid) {
    (in_circle(crew, at % 10), id(Kind::Crew, 10 * crew))
}

/// Opens the streams, over `connections`, and reads them until the set ends. All are live when this returns.
async fn open(
    bench: &Bench,
    listeners: Vec<(u64, Uuid)>,
    connections: usize,
    begun: Instant,
) -> Result<Rc<Inbox>, Failure> {
    let (addr, inbox) = (bench.host.service("group")?.addr, Rc::new(Inbox::default()));
    let (count, each) = (listeners.len(), listeners.len().div_ceil(connections));
    for some in listeners.chunks(each) {
        let (send, connection) = load::connect(addr).await?;
        tokio::task::spawn_local(connection);
        for (person, crew) in some.iter().copied() {
            let (send, inbox, tokens) = (send.clone(), Rc::clone(&inbox), Rc::clone(&bench.tokens));
            tokio::task::spawn_local(async move {
                if let Err(error) = listen(send, addr, &tokens, person, crew, &inbox, begun).await {
                    inbox.failed.replace(Some(error.to_string()));
                    inbox.news.notify_one();
                }
            });
        }
        // The service takes so many calls at once.
        let so_far = (inbox.live.get() + some.len()).min(count);
        inbox.until(|inbox| inbox.live.get() >= so_far).await?;
    }
    Ok(inbox)
}

async fn listen(
    send: SendRequest<Bytes>,
    addr: std::net::SocketAddr,
    tokens: &Tokens,
    person: u64,
    crew: Uuid,
    inbox: &Inbox,
    begun: Instant,
) -> Result<(), Failure> {
    let mut send = send.ready().await?;
    let request = Request::post(format!("http://{addr}{PATH}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", &tokens[usize::try_from(person - 1)?])
        .header("traceparent", format!("00-{:032x}-{:016x}-00", crew.as_u128(), person + 1))
        .body(())?;
    let (answer, mut stream) = send.send_request(request, false)?;
    let asked = StreamGroupRequest { group_id: crew.to_string(), heartbeat_seconds: 60, ..Default::default() };
    let asked = asked.encode_to_vec();
    let mut frame = BytesMut::with_capacity(5 + asked.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(asked.len())?);
    frame.put(asked.as_slice());
    stream.send_data(frame.freeze(), true)?;
    let answer = answer.await?;
    if let Some(status) = answer.headers().get("grpc-message") {
        return Err(format!("a stream was refused: {status:?}").into());
    }
    let mut body = answer.into_body();
    let mut unread = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        unread.extend_from_slice(&chunk);
        while let Some(length) = unread.get(1..5).map(|mut length| length.get_u32() as usize) {
            if unread.len() < 5 + length {
                break;
            }
            unread.advance(5);
            receive(inbox, &StreamGroupResponse::decode(unread.split_to(length))?, begun);
        }
    }
    Err("a stream ended".into())
}

fn receive(inbox: &Inbox, item: &StreamGroupResponse, begun: Instant) {
    match &item.change {
        Some(Change::Live(_)) => inbox.live.set(inbox.live.get() + 1),
        Some(Change::Entry(entry)) => {
            inbox.entries.set(inbox.entries.get() + 1);
            let Some(Content::Message(message)) = &entry.content else { return };
            if let Some(sent) = message.content.strip_prefix('t').and_then(|sent| sent.parse().ok()) {
                let now = begun.elapsed().as_micros() as u64;
                let mut arrivals = inbox.arrivals.borrow_mut();
                let (count, last) = arrivals.entry(sent).or_default();
                (*count, *last) = (*count + 1, now);
            }
        }
        _ => return,
    }
    inbox.news.notify_one();
}

/// Streams on which nothing happens.
async fn idle(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    const STREAMS: u64 = 10_000;
    const WATCHED: Duration = Duration::from_secs(10);
    eprintln!("{STREAMS} idle streams");
    let group = bench.host.service("group")?;
    let processes = bench.processes(group);
    let listeners: Vec<_> = (0..STREAMS).map(|n| listener(1 + n / 10, n)).collect();
    // Tokens and people are known before: what is measured is the streams.
    let (at, known) = (Cell::new(0), listeners.clone());
    let next = move || {
        let (caller, crew) = known.get(at.replace(at.get() + 1))?;
        let request = GetGroupRequest { group_id: crew.to_string() }.encode_to_vec().into();
        Some(Call { path: "/crewup.group.v1.GroupService/GetGroup", caller: *caller, request })
    };
    crate::load::run(group.addr, &bench.tokens, 16, Duration::from_secs(60), Rc::new(next)).await?;
    let before = group.resident()?;
    let local = LocalSet::new();
    let (grown, busy) = local
        .run_until(async {
            let _inbox = open(bench, listeners, 100, Instant::now()).await?;
            tokio::time::sleep(Duration::from_secs(3)).await;
            let grown = group.resident()? - before;
            let spent = processes.spent();
            tokio::time::sleep(WATCHED).await;
            let spent = clock::between(&spent, &processes.spent());
            let share = |role| 100.0 * spent[&role] / WATCHED.as_secs_f64();
            Ok::<_, Failure>((grown, (share(clock::Role::Service), share(clock::Role::Postgres))))
        })
        .await?;
    let figure = |name: &str, is, unit, floor| Figure { name: name.into(), is, unit, floor, at_most: true };
    Ok(vec![
        figure("an idle stream of 10,000 over 100 connections", grown / STREAMS as f64, "KiB", 10.0),
        figure("the service under 10,000 idle streams", busy.0, "% of a processor", 3.0),
        figure("PostgreSQL under 10,000 idle streams", busy.1, "% of a processor", 5.0),
    ])
}

/// How late, and how many.
async fn crowd(bench: &Bench, crews: u64, members: u64) -> Result<Vec<Figure>, Failure> {
    let begun = Instant::now();
    let listeners = (0..crews * members).map(|n| listener(1 + n / members, n % members)).collect();
    let local = LocalSet::new();
    let (late, rate) = local
        .run_until(async {
            let inbox = open(bench, listeners, 100, begun).await?;
            let mut rounds = Vec::new();
            for _ in 0..bench.rounds {
                rounds.push(late(bench, crews, members, &inbox, begun).await?);
            }
            eprintln!("from the call to the last subscriber, p99, of each round: {rounds:.1?} ms");
            let late = crate::table::median(rounds);
            let rate = deliveries(bench, crews, members, &inbox).await?;
            Ok::<_, Failure>((late, rate))
        })
        .await?;
    let of = format!("{crews} crews of {members}");
    Ok(vec![
        Figure {
            name: format!("{of}: from the call to the last subscriber, p99"),
            is: late,
            unit: "ms",
            floor: 20.0,
            at_most: true,
        },
        Figure { name: format!("{of}: deliveries"), is: rate, unit: "per second", floor: 80_000.0, at_most: false },
    ])
}

/// Sends at a steady rate; milliseconds from the beginning of the call, which is before the commit, until the last of a crew
/// has the message, at the 99th percentile of a round.
async fn late(bench: &Bench, crews: u64, members: u64, inbox: &Inbox, begun: Instant) -> Result<f64, Failure> {
    inbox.arrivals.borrow_mut().clear();
    let addr = bench.host.service("group")?.addr;
    let tcp = TcpStream::connect(addr).await?;
    tcp.set_nodelay(true)?;
    let (send, connection) = h2::client::handshake(tcp).await?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    let mut beat = tokio::time::interval(Duration::from_secs(1) / RATE);
    let count = u64::from(RATE * SECONDS);
    for n in 0..count {
        beat.tick().await;
        let (person, crew) = listener(1 + n * 7 % crews, n / crews);
        let sent = begun.elapsed().as_micros();
        let request = SendMessageRequest {
            group_id: crew.to_string(),
            content: format!("t{sent}"),
            request_id: Uuid::now_v7().to_string(),
        };
        let call = Call {
            path: "/crewup.group.v1.GroupService/SendMessage",
            caller: person,
            request: request.encode_to_vec().into(),
        };
        let (send, tokens) = (send.clone(), Rc::clone(&bench.tokens));
        tokio::task::spawn_local(async move {
            if let Ok(Some(refused)) = crate::load::one(&send, addr, &tokens, call).await {
                eprintln!("a message was refused: {refused}");
            }
        });
    }
    let all = |inbox: &Inbox| {
        let arrivals = inbox.arrivals.borrow();
        arrivals.len() as u64 == count && arrivals.values().all(|(got, _)| *got as u64 == members)
    };
    inbox.until(all).await?;
    let arrivals = inbox.arrivals.borrow();
    let mut late: Vec<_> = arrivals.iter().map(|(sent, (_, last))| last - sent).collect();
    late.sort_unstable();
    Ok(late[late.len() * 99 / 100] as f64 / 1000.0)
}

/// A message for every crew at once, written and told of by one transaction: deliveries a second, from before its commit until
/// all have it.
async fn deliveries(bench: &Bench, crews: u64, members: u64, inbox: &Inbox) -> Result<f64, Failure> {
    let written = format!(
        "begin;
         create temporary table told on commit drop as
         with seats as (
             update group_seats set last_sequence = last_sequence + 1
             where group_id in (select bench.id(3, 10 * n) from generate_series(1, {crews}) n)
             returning group_id, last_sequence
         ), sent as (
             insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
             select gen_random_uuid(), s.group_id,
                    (select m.user_id from group_members m where m.group_id = s.group_id limit 1),
                    'A message of usual length, neither long nor short.', s.last_sequence, d.at, d.at
             -- Not of the last seconds, which count for C13.
             from seats s, (select crewup.now() - interval '1 minute' as at) d
         )
         select group_id, row_number() over () as n from seats;
         select pg_notify('crewup_group', string_agg(replace(group_id::text, '-', ''), ' ')) from told group by n / 100"
    );
    let each = (crews * members) as usize;
    let mut conn = bench.world.connect().await?;
    let mut rates = Vec::new();
    let (clock, mut spent) = (bench.processes(bench.host.service("group")?), HashMap::new());
    for _ in 0..bench.rounds {
        let mut took = Duration::ZERO;
        for _ in 0..BURSTS {
            let before = inbox.entries.get();
            conn.execute(AssertSqlSafe(written.clone())).await?;
            let (worked, begun) = (clock.spent(), Instant::now());
            conn.execute("commit").await?;
            inbox.until(|inbox| inbox.entries.get() >= before + each).await?;
            took += begun.elapsed();
            for (role, worked) in clock::between(&worked, &clock.spent()) {
                *spent.entry(role).or_default() += worked;
            }
        }
        rates.push((each * BURSTS) as f64 / took.as_secs_f64());
    }
    let of = |role| 1e6 * spent.get(&role).copied().unwrap_or(0.0) / (each * BURSTS * bench.rounds) as f64;
    eprintln!(
        "of a delivery, microseconds of processors: service {:.1}, PostgreSQL {:.1}, load {:.1}",
        of(clock::Role::Service),
        of(clock::Role::Postgres),
        of(clock::Role::Load),
    );
    Ok(crate::table::median(rates))
}
