//! Processor time, as the kernel counts it: in hundredths of a second.

use std::{collections::HashMap, fs};

/// Ticks in a second (USER_HZ, 100 on every Linux that runs this).
const TICKS: f64 = 100.0;

/// Whose time is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Service,
    Envoy,
    Postgres,
    Load,
    Others,
}

/// The processes of the bench.
#[derive(Clone)]
pub struct Processes {
    /// Of the service under load, or of the peer.
    pub service: u32,
    pub envoy: Option<u32>,
    /// The first of PostgreSQL's, whose children the others are.
    pub postmaster: u32,
}

/// Seconds of processor time by role.
pub type Spent = HashMap<Role, f64>;

impl Processes {
    /// What was spent since the machine started.
    pub fn spent(&self) -> Spent {
        let all = everybody();
        let of = |pid: u32| all.iter().find(|one| one.pid == pid).map_or(0.0, |one| one.used);
        let children = |pid: u32| all.iter().filter(|one| one.parent == pid).map(|one| one.used).sum::<f64>();
        let (service, envoy, load) = (of(self.service), self.envoy.map_or(0.0, of), of(std::process::id()));
        // A session that ended meanwhile is counted with the first process.
        let dead = all.iter().find(|one| one.pid == self.postmaster).map_or(0.0, |one| one.dead_children);
        let postgres = of(self.postmaster) + dead + children(self.postmaster);
        // The other services and the collector are the bench's own, too.
        let own = load + children(std::process::id());
        HashMap::from([
            (Role::Service, service),
            (Role::Envoy, envoy),
            (Role::Postgres, postgres),
            (Role::Load, load),
            (Role::Others, busy() - postgres - own),
        ])
    }
}

/// What was spent between two readings.
pub fn between(before: &Spent, after: &Spent) -> Spent {
    after.iter().map(|(role, spent)| (*role, spent - before[role])).collect()
}

struct One {
    pid: u32,
    parent: u32,
    used: f64,
    /// Of children that ended and were waited for.
    dead_children: f64,
}

fn everybody() -> Vec<One> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let fields = fields(&format!("/proc/{pid}/stat"))?;
            Some(One {
                pid,
                parent: *fields.get(1)? as u32,
                used: used(&fields),
                dead_children: (fields.get(13)? + fields.get(14)?) / TICKS,
            })
        })
        .collect()
}

/// Seconds of processor time of the thread that asks.
pub fn of_this_thread() -> f64 {
    fields("/proc/thread-self/stat").map_or(0.0, |fields| used(&fields))
}

/// The fields of a `stat` after the name, which stands in brackets and may hold anything. What is no number is 0.
fn fields(path: &str) -> Option<Vec<f64>> {
    let stat = fs::read_to_string(path).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
}

fn used(fields: &[f64]) -> f64 {
    fields.iter().skip(11).take(2).sum::<f64>() / TICKS
}

/// User, nice and system time of the machine. Interrupts are nobody's.
fn busy() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    first.iter().take(3).sum::<f64>() / TICKS
}
