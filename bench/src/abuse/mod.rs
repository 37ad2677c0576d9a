//! Attacks on HTTP/2 itself, while honest people call: what they are still served, what the attack costs in memory, and that
//! nothing of it stays. Each attack comes to the edge, and, once more, straight to a service, which in production only the edge
//! and other services reach.

mod attacker;
mod attacks;
mod frames;
mod watch;

use std::{
    cell::Cell,
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crewup_proto::event::{EventFilter, ListEventsRequest};
use prost::Message as _;

use crate::{
    Failure,
    calls::{self, Case},
    clock::{Processes, Role, Spent, between},
    load::{self, Done},
    rounds::{Bench, wanted},
    world::{CALLERS, Kind, id},
};
use attacker::Told;
use attacks::{Attack, Victim};

const EDGE: &str = "the edge";
const LASTS: Duration = Duration::from_secs(5);
/// After an attack, until everything is as before.
const SETTLES: Duration = Duration::from_secs(15);
/// Memory that may stay, in MiB: allocators keep some for the next time.
const STAYS: f64 = 64.0;
/// The attacker's events, of which a list is 1.5 MB.
const EVENTS: u64 = 100;
/// How much larger Envoy and a service may become, in MiB: Envoy's heap is bounded, and 128 lists that are made at once are 200.
const GROWS: [f64; 2] = [400.0, 256.0];
/// The least that honest callers get while the edge is attacked, as a part of what they get alone: an attacker takes processors on
/// the same machine. Straight at a service it is only told: whoever gets there is the edge or another service.
const SERVED: f64 = 0.2;

/// More foreign work than this, in processors, disturbs.
const FOREIGN: f64 = 0.1;

/// What an attack did.
pub struct Outcome {
    name: &'static str,
    at: &'static str,
    alone: Done,
    under: Done,
    /// Of Envoy and of the service, in MiB: how much larger they became.
    grown: [f64; 2],
    told: Told,
    /// Processor time while the attack went on. The attacker's is in the load's.
    spent: Spent,
    /// Connections between the edge and the service that ended under honest people's calls.
    broken: u64,
    /// What was not as before in the end.
    left: Option<String>,
}

impl Outcome {
    fn served(&self) -> f64 {
        self.under.per_second() / self.alone.per_second()
    }

    /// Whether the attack was held.
    pub fn is_met(&self) -> bool {
        let served = self.at != EDGE || self.served() >= SERVED;
        let small = self.grown.iter().zip(GROWS).all(|(grown, most)| *grown <= most);
        served && small && self.broken == 0 && self.left.is_none()
    }
}

/// Those whose name contains `only`.
pub async fn all(bench: &Bench, only: &str) -> Result<Vec<Outcome>, Failure> {
    let name = |attack: &Attack, at: &str| format!("HTTP/2 abuse of {at}: {}", attack.name);
    let places = [(EDGE, bench.host.envoy.addr), ("a service", bench.host.service("event")?.addr)];
    let mut outcomes = Vec::new();
    let mut victim = None;
    for attack in attacks::all() {
        for (at, addr) in places {
            if !wanted(only, &name(&attack, at)) {
                continue;
            }
            if victim.is_none() {
                victim = Some(prepare(bench).await?);
            }
            let victim = Victim { authority: addr.to_string(), ..victim.clone().ok_or("no victim")? };
            eprintln!("{}", name(&attack, at));
            let outcome = contest(bench, &attack, victim, at, addr).await?;
            eprintln!("{}", line(&outcome));
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Makes the large answer, and whom the attacker is.
async fn prepare(bench: &Bench) -> Result<Victim, Failure> {
    let attacker = id(Kind::Person, CALLERS);
    bench
        .world
        .execute(&format!(
            "set session_replication_role = replica;
             update events set creator_id = '{attacker}', description = repeat('\u{20ac}', 5000), is_public = true
             where id in (select bench.id(2, 900000 + 8 * n) from generate_series(1, {EVENTS}) n);
             analyze events"
        ))
        .await?;
    let list = ListEventsRequest {
        filter: Some(EventFilter { creator_id: attacker.to_string(), ..Default::default() }),
        page_size: EVENTS as i32,
        ..Default::default()
    };
    let bytes = list.encode_to_vec();
    let mut framed = vec![0];
    framed.extend((bytes.len() as u32).to_be_bytes());
    framed.extend(bytes);
    Ok(Victim {
        authority: String::new(),
        small: "/crewup.event.v1.EventService/GetEvent",
        large: ("/crewup.event.v1.EventService/ListEvents", framed),
        authorization: bench.tokens[CALLERS as usize - 1].to_str()?.to_owned(),
    })
}

async fn contest(
    bench: &Bench,
    attack: &Attack,
    victim: Victim,
    at: &'static str,
    addr: SocketAddr,
) -> Result<Outcome, Failure> {
    let (envoy, service) = (&bench.host.envoy, bench.host.service("event")?);
    let case = calls::named("GetEvent")?;
    let honest = async |time| load::run(envoy.addr, &bench.tokens, bench.in_flight, time, Case::calls(&case)).await;
    honest(Duration::from_millis(300)).await?;
    let alone = honest(bench.time).await?;
    let before = Before {
        connections: [watch::connections(envoy.addr)?, watch::connections(service.addr)?],
        resident: [watch::resident(envoy)?, watch::resident(service)?],
        held: [watch::allocated(envoy).await?, watch::resident(service)?],
    };
    let (most, broken) = (before.resident.map(Cell::new), watch::broken(envoy).await?);
    let clock = Processes { envoy: Some(envoy.pid()), ..bench.processes(service) };
    let before_spent = clock.spent();
    let attacking = attacker::start(attack.clone(), victim, addr, LASTS);
    let processes = [envoy, service];
    let under = tokio::select! {
        under = honest(LASTS) => under?,
        failed = watch::largest(&processes, &most) => return Err(failed.err().unwrap_or("no end".into())),
    };
    let spent = between(&before_spent, &clock.spent());
    let told = attacking.join().map_err(|_| "the attacker panicked")??;
    let broken = watch::broken(envoy).await? - broken;
    let left = before.again(bench).await?;
    let grown = [0, 1].map(|at| most[at].get() - before.resident[at]);
    Ok(Outcome { name: attack.name, at, alone, under, grown, told, spent, broken, left })
}

/// How things were, of Envoy and of the service.
struct Before {
    connections: [usize; 2],
    resident: [f64; 2],
    /// Of the same memory what is in use, as far as that is known.
    held: [f64; 2],
}

impl Before {
    /// Waits until they are so again; what is not, if they do not become so.
    async fn again(&self, bench: &Bench) -> Result<Option<String>, Failure> {
        let until = Instant::now() + SETTLES;
        loop {
            let left = self.left(bench).await?;
            if left.is_none() || Instant::now() > until {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn left(&self, bench: &Bench) -> Result<Option<String>, Failure> {
        let mut left = Vec::new();
        let processes = [&bench.host.envoy, bench.host.service("event")?];
        let held = [watch::allocated(processes[0]).await?, watch::resident(processes[1])?];
        for (at, (process, name)) in processes.into_iter().zip(["Envoy", "the service"]).enumerate() {
            let stays = held[at] - self.held[at];
            if stays > STAYS {
                left.push(format!("{name} keeps {stays:.0} MiB"));
            }
            let open = watch::connections(process.addr)?;
            // Envoy may keep more connections to the service than it had; callers may keep none.
            if open > self.connections[at] + at * 8 {
                left.push(format!("{open} connections to {name}"));
            }
        }
        let open = watch::open(processes[0]).await?;
        left.extend(open.iter().filter(|(_, count)| **count > 0).map(|(what, count)| format!("{what} is {count}")));
        let leases = watch::leases(processes[1]).await?;
        if leases > 0 {
            left.push(format!("{leases} connections to the database in use"));
        }
        Ok((!left.is_empty()).then(|| left.join(", ")))
    }
}

/// The table of attacks.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| HTTP/2 abuse | of | served | p99 ms, alone | Envoy MiB | service MiB | Envoy s | service s | attacker s | got through | cut off | |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|---|---|---|\n",
    );
    for one in outcomes {
        let _ = writeln!(text, "{}", line(one));
    }
    text
}

fn line(one: &Outcome) -> String {
    let told = &one.told;
    let refused: u64 = one.under.failed.values().sum();
    let mut cut = format!("{} of {} connections", told.closed, told.connections);
    if told.most > 0 {
        let _ = write!(cut, " after at most {} frames", told.most);
    }
    for (code, count) in &told.goaways {
        let _ = write!(cut, ", {count} GOAWAY {code}");
    }
    if one.broken > 0 {
        let _ = write!(cut, ", **{} of the edge's connections to the service broke**", one.broken);
    }
    if told.resets > 0 {
        let _ = write!(cut, ", {} streams reset", told.resets);
    }
    let why = one.under.failed.iter().map(|(why, count)| format!("{count} {why}")).collect::<Vec<_>>().join("; ");
    format!(
        "| {} | {}{} | {:.2}{} | {:.0}, {:.0} | +{:.0} | +{:.0} | {:.1} | {:.1} | {:.1} | {} frames, {:.1} MB | {cut} | {} |",
        one.name,
        one.at,
        if one.spent[&Role::Others] > FOREIGN * LASTS.as_secs_f64() { " (disturbed)" } else { "" },
        one.served(),
        if refused > 0 { format!(" ({refused} failed: {why})") } else { String::new() },
        one.under.quantile(0.99) / 1e3,
        one.alone.quantile(0.99) / 1e3,
        one.grown[0],
        one.grown[1],
        one.spent[&Role::Envoy],
        one.spent[&Role::Service],
        told.spent,
        told.frames,
        told.bytes as f64 / 1e6,
        match (&one.left, one.is_met()) {
            (Some(left), _) => format!("NOT as before: {left}"),
            (None, true) => "held".into(),
            (None, false) => "MISSED".into(),
        },
    )
}
