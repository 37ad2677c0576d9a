//! Three times what a service can do, for a minute: it goes on doing what it can, says no to the rest at once, and an alert
//! that is raised meanwhile is raised.

use std::time::Duration;

use crate::{
    Failure, calls,
    contests::Contest,
    load::{self, Done},
    rounds::Bench,
};

pub const NAME: &str = "Overload: goodput at three times the capacity, against the capacity";

const TIMES: f64 = 3.0;
const LASTS: Duration = Duration::from_secs(60);
/// Whoever waited longer has gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// A second. More would measure them: each is told again to its crews after a minute, for nobody answers.
const ALERTS: f64 = 2.0;
const ROUNDS: usize = 2;

/// The capacity is what a service does for 64 callers who each wait for their answer. Overload are callers who come whether or
/// not anybody was answered. The same alerts are raised meanwhile in both.
pub async fn contest(bench: &Bench) -> Result<Contest, Failure> {
    let service = bench.host.service("event")?.addr;
    let safety = bench.host.service("safety")?.addr;
    let (lists, alerts) = (calls::named("ListEvents (50)")?, calls::named("TriggerAlert")?);
    let (mut ours, mut theirs, mut remark) = (Vec::new(), Vec::new(), String::new());
    for round in 0..bench.rounds.min(ROUNDS) {
        eprintln!("round {}: overload", round + 1);
        load::run(service, &bench.tokens, 64, Duration::from_millis(500), lists.calls()).await?;
        let able = async || {
            tokio::try_join!(
                load::run(service, &bench.tokens, 64, LASTS / 4, lists.calls()),
                load::arrive(safety, &bench.tokens, ALERTS, LASTS / 4, alerts.calls()),
            )
        };
        let capacity = able().await?.0.per_second();
        let (over, raised) = tokio::try_join!(
            load::arrive(service, &bench.tokens, capacity * TIMES, LASTS, lists.calls()),
            load::arrive(safety, &bench.tokens, ALERTS, LASTS, alerts.calls()),
        )?;
        let refused: u64 = over.failed.values().sum();
        if let Some((why, count)) = raised.failed.iter().next() {
            return Err(format!("{count} alerts were not raised: {why}").into());
        }
        // Before and after: it changes by itself within the minute.
        theirs.push(f64::midpoint(capacity, able().await?.0.per_second()));
        ours.push(good(&over));
        remark = format!(
            "{:.0} calls/s came, {:.0}/s were refused ({}), p99 of the others {:.0} ms; {} alerts, none refused, p99 {:.0} ms",
            capacity * TIMES,
            refused as f64 / LASTS.as_secs_f64(),
            over.failed.keys().cloned().collect::<Vec<_>>().join("; "),
            over.quantile(0.99) / 1e3,
            raised.latencies.len(),
            raised.quantile(0.99) / 1e3,
        );
    }
    Ok(Contest { name: NAME, unit: "calls/s", ours, theirs, remark })
}

/// Answers a second that came while somebody waited for them.
fn good(done: &Done) -> f64 {
    let patience = PATIENCE.as_micros();
    done.latencies.iter().filter(|latency| u128::from(**latency) <= patience).count() as f64 / LASTS.as_secs_f64()
}
