//! The rounds: each case by each way, one after the other, so that what changes on the machine meets all of them.

use std::{net::SocketAddr, path::PathBuf, rc::Rc, time::Duration};

use crate::{
    Failure,
    calls::{self, Case},
    clock::{Processes, Role, Spent, between},
    host::{Host, Places, Process, peer},
    load::{self, Call, Done, Door, Tokens},
    peers::EMPTY_ONE_THREAD,
    pgbench::{self, Pgbench},
    world::World,
};

/// Rounds with more foreign work than this, as a part of the processors, are repeated...
const FOREIGN: f64 = 0.05;
/// ...so often.
const REPEATED: usize = 3;
/// How gRPC says DEADLINE_EXCEEDED and UNAVAILABLE.
const TOO_MUCH: [&str; 2] = ["4 ", "14 "];
const PROCESSORS: f64 = 2.0;

/// A run.
pub struct Bench {
    pub world: World,
    pub tokens: Tokens,
    pub host: Host,
    pub places: Places,
    pub postmaster: u32,
    pub pgbench: Pgbench,
    pub log: PathBuf,
    pub in_flight: usize,
    pub time: Duration,
    pub rounds: usize,
}

/// One measurement.
pub struct Sample {
    pub per_second: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// Microseconds of processor time for each call.
    pub spent: Spent,
    /// Whether others left it alone.
    pub calm: bool,
    /// Calls of a hundred that were told to come again.
    pub refused: f64,
}

/// The samples of a call, by the way that it went.
pub struct Measured {
    pub case: Rc<Case>,
    pub straight: Vec<Sample>,
    pub edge: Vec<Sample>,
    pub pgbench: Vec<f64>,
    /// The empty call of the same shape, where there is one.
    pub empty: Vec<Sample>,
    /// The same by a server with one thread, where that was measured.
    pub empty_one_thread: Vec<Sample>,
    /// The least that reads one row, where that was measured.
    pub bare: Vec<Sample>,
}

impl Bench {
    /// Whose processor time is told apart while `service` is under load.
    pub fn processes(&self, service: &Process) -> Processes {
        Processes { service: service.pid(), envoy: None, postmaster: self.postmaster }
    }

    /// Waits until PostgreSQL has nothing to do: what the services do by themselves must not be measured with the calls.
    ///
    /// # Errors
    /// It does not come to rest within two minutes: there is more to do than a world that was just filled should have.
    pub async fn rest(&self) -> Result<(), Failure> {
        const REST: f64 = 0.05;
        let clock = self.processes(&self.host.envoy);
        for _ in 0..120 {
            let before = clock.spent();
            tokio::time::sleep(Duration::from_secs(1)).await;
            if between(&before, &clock.spent())[&Role::Postgres] < REST {
                return Ok(());
            }
        }
        Err("PostgreSQL is busy though nobody calls; see pg_stat_activity".into())
    }

    /// What is done between the measurements, so that it is in none of them: the work of autovacuum, which is off; the checkpoint
    /// that would come some time; and an end of alerts that nobody answers, which would be escalated for minutes.
    pub async fn tidy(&self) -> Result<(), Failure> {
        let end = "update alert_batches set state = 'expired', next_level_at = null, closed_at = crewup.now() where state = 'active'";
        self.world.execute(end).await?;
        let tables = "alert_batches, alert_recipients, event_attendees, event_seats, group_members, group_seats, idempotency, \
                      messages, outbox, outbox_claims, quotas, safety_alerts, timeline";
        self.world.execute(&format!("vacuum (analyze) {tables}")).await?;
        self.world.execute("checkpoint").await
    }

    /// Measures all calls whose name contains `only`.
    pub async fn measure(&self, only: &str, print: bool) -> Result<Vec<Measured>, Failure> {
        let empty = peer(&self.places, "empty", &[])?;
        let alone = peer(&self.places, EMPTY_ONE_THREAD, &[])?;
        let bare = peer(&self.places, "bare-read", &[("DATABASE_URL", self.world.url("event"))])?;
        for peer in [&empty, &alone, &bare] {
            crate::host::listening(peer.addr).await?;
        }
        let (mut measured, mut scripts) = (Vec::new(), Vec::new());
        for case in calls::all().into_iter().filter(|case| wanted(only, case.name)) {
            let addr = self.host.service(case.service)?.addr;
            if case.most.is_some() {
                self.acquaint(addr).await?;
            }
            let script = pgbench::script(&self.world, &self.log, &case, addr, &self.tokens).await?;
            if print {
                println!("-- {}\n{script}", case.name);
            }
            scripts.push(script);
            let (straight, edge, pgbench, empty, empty_one_thread, bare) = Default::default();
            measured.push(Measured { case, straight, edge, pgbench, empty, empty_one_thread, bare });
        }
        for round in 1..=self.rounds {
            self.tidy().await?;
            for (one, script) in measured.iter_mut().zip(&scripts) {
                let case = Rc::clone(&one.case);
                eprintln!("round {round} of {}: {}", self.rounds, case.name);
                let service = self.host.service(case.service)?;
                one.straight.push(self.sample(service, service.addr, None, case.calls()).await?);
                one.edge
                    .push(self.sample(service, self.host.envoy.addr, Some(self.host.envoy.pid()), case.calls()).await?);
                one.pgbench.push(self.pgbench.run(&self.world, case.service, script, case.drawn())?);
                if case.most.is_some() {
                    let made = one.pgbench.last().copied().unwrap_or_default() * self.time.as_secs_f64();
                    case.skip(made as u64 + 16);
                }
                if ["GetEvent", "ListEvents (50)"].contains(&case.name) {
                    one.empty.push(self.sample(&empty, empty.addr, None, case.calls()).await?);
                }
                if case.name == "GetEvent" {
                    one.empty_one_thread.push(self.sample(&alone, alone.addr, None, case.calls()).await?);
                    one.bare.push(self.sample(&bare, bare.addr, None, case.calls()).await?);
                }
            }
        }
        self.tidy().await?;
        Ok(measured)
    }

    /// Lets a service meet every caller, so that no call in the measurement is a person's first.
    async fn acquaint(&self, addr: SocketAddr) -> Result<(), Failure> {
        let at = std::cell::Cell::new(0);
        let path = if addr == self.host.service("safety")?.addr {
            "/crewup.safety.v1.SafetyService/GetAlert"
        } else {
            "/crewup.group.v1.GroupService/GetGroup"
        };
        let next = move || {
            at.set(at.get() + 1);
            (at.get() <= crate::world::CALLERS).then(|| Call { path, caller: at.get(), request: bytes::Bytes::new() })
        };
        load::run(addr, &self.tokens, self.in_flight, Duration::from_secs(60), Rc::new(next)).await?;
        Ok(())
    }

    /// Measures calls, again while others disturb.
    pub async fn sample(
        &self,
        service: &Process,
        door: impl Into<Door>,
        envoy: Option<u32>,
        next: Rc<dyn Fn() -> Option<Call>>,
    ) -> Result<Sample, Failure> {
        let door = door.into();
        let mut sample = self.once(service, &door, envoy, &next).await?;
        for _ in 0..REPEATED {
            if sample.calm {
                break;
            }
            sample = self.once(service, &door, envoy, &next).await?;
        }
        Ok(sample)
    }

    async fn once(
        &self,
        service: &Process,
        door: &Door,
        envoy: Option<u32>,
        next: &Rc<dyn Fn() -> Option<Call>>,
    ) -> Result<Sample, Failure> {
        let processes = Processes { envoy, ..self.processes(service) };
        // Connections are opened and statements prepared first.
        load::run(door.clone(), &self.tokens, self.in_flight, Duration::from_millis(300), Rc::clone(next)).await?;
        let before = processes.spent();
        let done = load::run(door.clone(), &self.tokens, self.in_flight, self.time, Rc::clone(next)).await?;
        let spent = between(&before, &processes.spent());
        sample(&done, spent)
    }
}

/// Whether a name contains one of the parts of `only`, which commas divide.
pub fn wanted(only: &str, name: &str) -> bool {
    only.split(',').any(|part| name.contains(part.trim()))
}

/// What a run tells.
pub fn sample(done: &Done, spent: Spent) -> Result<Sample, Failure> {
    let (made, failed) = (done.latencies.len(), done.failed.values().sum::<u64>());
    // Overload is a figure; anything else is a mistake of the bench.
    if let Some((why, count)) = done.failed.iter().find(|(why, _)| !TOO_MUCH.iter().any(|code| why.starts_with(code))) {
        return Err(format!("{count} calls failed beside {made}: {why}").into());
    }
    let calm = spent[&Role::Others] < FOREIGN * PROCESSORS * done.seconds;
    let each = |seconds: f64| seconds * 1e6 / made as f64;
    Ok(Sample {
        per_second: done.per_second(),
        p50: done.quantile(0.5) / 1e3,
        p99: done.quantile(0.99) / 1e3,
        spent: spent.into_iter().map(|(role, seconds)| (role, each(seconds))).collect(),
        calm,
        refused: 100.0 * failed as f64 / (failed + made as u64) as f64,
    })
}
