//! The figures as Markdown, and the floors.

use std::fmt::Write as _;

use crate::{
    clock::Role,
    contests::Contest,
    live::Figure,
    rounds::{Measured, Sample},
    trust::Way,
};

// The ways of what a call is held against.
const EMPTY: &str = "empty";
const EMPTY_ALONE: &str = "empty, one thread";
const BARE: &str = "bare read";

/// What must be reached (the first number) and what is aimed at (the second), by what it is about.
const FLOORS: [(&str, f64, f64); 9] = [
    ("GetEvent, of pgbench", 0.30, 0.75),
    ("ListEvents (50), of pgbench", 0.40, 0.70),
    ("GetEvent, processor time of the empty call", 2.5, 1.5),
    ("RSVPs on one hot event, against lock and count", 3.0, 12.0),
    ("Place search, against the reference's index", 10.0, 30.0),
    (crate::contests::NOTIFY, 1.5, 2.0),
    (crate::contests::NOTIFY_MANY, 1.5, 2.0),
    (crate::contests::NOTIFY_FAR, 1.5, 2.0),
    (crate::overload::NAME, 0.85, 0.95),
];

/// The median.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(figure))
}

/// The table of calls.
pub fn calls(measured: &[Measured]) -> String {
    let mut text = String::from(
        "| call | way | calls/s | p50 ms | p99 ms | service us | Envoy us | PostgreSQL us | load us | of pgbench |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for one in measured {
        let pgbench = median(one.pgbench.iter().copied());
        for (way, samples) in [
            ("straight", &one.straight),
            ("Envoy", &one.edge),
            (EMPTY, &one.empty),
            (EMPTY_ALONE, &one.empty_one_thread),
            (BARE, &one.bare),
        ] {
            if samples.is_empty() {
                continue;
            }
            let share = if [EMPTY, EMPTY_ALONE, BARE].contains(&way) {
                String::new()
            } else {
                format!("{:.2}", of(samples, |s| s.per_second) / pgbench)
            };
            let _ = writeln!(
                text,
                "| {} | {way}{} | {:.0} | {:.2} | {:.2} | {} | {share} |",
                one.case.name,
                mark(samples),
                of(samples, |sample| sample.per_second),
                of(samples, |sample| sample.p50),
                of(samples, |sample| sample.p99),
                spent(samples),
            );
        }
        let _ = writeln!(text, "| {} | pgbench | {pgbench:.0} | | | | | | | 1 |", one.case.name);
    }
    text
}

/// The table of contests.
pub fn contests(contests: &[Contest]) -> String {
    let mut text = String::from("| contest | unit | CrewUp | the other | ratio | |\n|---|---|--:|--:|--:|---|\n");
    for one in contests {
        let (ours, theirs) = (median(one.ours.iter().copied()), median(one.theirs.iter().copied()));
        let _ = writeln!(
            text,
            "| {} | {} | {ours:.0} | {theirs:.0} | {:.2} | {} |",
            one.name,
            one.unit,
            ours / theirs,
            one.remark
        );
    }
    text
}

/// The table of what trust costs.
pub fn trust(ways: &[Way]) -> String {
    let mut text = String::from(
        "| GetEvent | calls/s | p50 ms | service us | Envoy us | PostgreSQL us | load us |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for one in ways {
        let _ = writeln!(
            text,
            "| {}{} | {:.0} | {:.2} | {} |",
            one.name,
            mark(&one.samples),
            of(&one.samples, |sample| sample.per_second),
            of(&one.samples, |sample| sample.p50),
            spent(&one.samples),
        );
    }
    text
}

/// The processor time of a call, in four columns.
fn spent(samples: &[Sample]) -> String {
    let roles = [Role::Service, Role::Envoy, Role::Postgres, Role::Load];
    roles.map(|role| format!("{:.0}", of(samples, |sample| sample.spent[&role]))).join(" | ")
}

/// What is to be known of samples beside their figures.
fn mark(samples: &[Sample]) -> String {
    let restless = samples.iter().filter(|sample| !sample.calm).count();
    let refused = of(samples, |sample| sample.refused);
    let mut mark = if restless > 0 { format!(" ({restless} disturbed)") } else { String::new() };
    if refused > 0.0 {
        let _ = write!(mark, " ({refused:.0} % refused)");
    }
    mark
}

/// The table of streams.
pub fn live(figures: &[Figure]) -> String {
    let mut text = String::from("| streams | is | unit | floor | |\n|---|--:|---|--:|---|\n");
    for one in figures {
        let (bound, met) =
            (if one.at_most { "at most" } else { "at least" }, if one.is_met() { "met" } else { "MISSED" });
        let _ = writeln!(text, "| {} | {:.1} | {} | {bound} {} | {met} |", one.name, one.is, one.unit, one.floor);
    }
    text
}

/// The floors, and whether all that were measured are met.
pub fn floors(measured: &[Measured], contests: &[Contest]) -> (String, bool) {
    let mut text = String::from("| floor | is | at least | goal | |\n|---|--:|--:|--:|---|\n");
    let mut met = true;
    for (name, floor, goal) in FLOORS {
        let Some((is, at_most)) = figure(name, measured, contests) else { continue };
        let good = if at_most { is <= floor } else { is >= floor };
        met &= good;
        let _ = writeln!(text, "| {name} | {is:.2} | {floor} | {goal} | {} |", if good { "met" } else { "MISSED" });
    }
    (text, met)
}

/// What nothing is asked of, and what is to be known: how much of a call is the read itself.
pub fn told(measured: &[Measured]) -> Option<String> {
    let one = measured.iter().find(|one| !one.bare.is_empty())?;
    let service = |samples: &[Sample]| of(samples, |sample| sample.spent[&Role::Service]);
    let (ours, bare, empty, alone) =
        (service(&one.straight), service(&one.bare), service(&one.empty), service(&one.empty_one_thread));
    Some(format!(
        "{}: {:.2} of the processor time of a bare read, which is {:.2} of the empty call's; {:.2} of the empty call's where \
         its server has one thread too\n",
        one.case.name,
        ours / bare,
        bare / empty,
        ours / alone
    ))
}

/// A ratio, and whether less is better.
fn figure(name: &str, measured: &[Measured], contests: &[Contest]) -> Option<(f64, bool)> {
    if let Some(call) = name.strip_suffix(", of pgbench") {
        let one = measured.iter().find(|one| one.case.name == call)?;
        return Some((of(&one.straight, |sample| sample.per_second) / median(one.pgbench.iter().copied()), false));
    }
    if let Some(call) = name.strip_suffix(", processor time of the empty call") {
        let one = measured.iter().find(|one| one.case.name == call)?;
        let service = |samples: &[Sample]| of(samples, |sample| sample.spent[&Role::Service]);
        return Some((service(&one.straight) / service(&one.empty), true));
    }
    let contest = contests.iter().find(|one| one.name == name)?;
    Some((median(contest.ours.iter().copied()) / median(contest.theirs.iter().copied()), false))
}
