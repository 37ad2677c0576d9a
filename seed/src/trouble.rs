//! What goes wrong now and then: alerts, reports and bans.

use crate::answers::Status;
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::city::City;
use crate::crews::Crew;
use crate::dice::Dice;
use crate::events::Event;
use crate::people::{ADMIN, DEMO, MODERATOR};
use crate::venues::Place;
use crate::words::crews::{BAN_REASONS, CALLS, COMPLAINTS};
use std::collections::HashSet;
use uuid::Uuid;

/// A place is forgotten so long after the end of an alert (S8).
const PLACES: i64 = 30 * DAY;

/// Everything that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) reports: Vec<Report>,
    pub(crate) bans: Vec<Ban>,
}

/// A batch for one crew, resolved by its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) id: Uuid,
    pub(crate) row: Uuid,
    pub(crate) crew: usize,
    pub(crate) sender: usize,
    pub(crate) kind: &'static str,
    pub(crate) message: Option<&'static str>,
    pub(crate) place: Option<Place>,
    pub(crate) raised_at: i64,
    pub(crate) resolved_at: i64,
    pub(crate) expires_at: i64,
    /// Whom it reached; the first was on the way at once, so that nothing was escalated (S7).
    pub(crate) recipients: Vec<usize>,
}

/// A report of a message by another member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) id: Uuid,
    pub(crate) reporter: usize,
    pub(crate) owner: usize,
    pub(crate) message: Uuid,
    pub(crate) snapshot: &'static str,
    pub(crate) words: Option<&'static str>,
    pub(crate) violation: &'static str,
    pub(crate) created_at: i64,
    /// When it was closed, and whether something was done. None: it waits in the queue.
    pub(crate) closed: Option<(i64, bool)>,
    pub(crate) log: Uuid,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ban {
    pub(crate) id: Uuid,
    pub(crate) person: usize,
    pub(crate) violation: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) created_at: i64,
    /// Past: it is over. None: it has no end.
    pub(crate) expires_at: Option<i64>,
    pub(crate) log: Uuid,
}

impl Ban {
    /// Who made it: never the one who would decide an appeal (M9).
    pub(crate) const BY: usize = MODERATOR;
}

impl Report {
    /// Who closes reports here.
    pub(crate) const BY: usize = ADMIN;
}

/// What went wrong in a city of which everything else is known, until `now`.
pub(crate) fn all(seed: u64, city: &City, now: i64) -> Trouble {
    Trouble {
        alerts: alerts(seed, &city.events, &city.crews, now),
        reports: reports(seed, &city.crews, now),
        bans: bans(seed, city, now),
    }
}

fn alerts(seed: u64, events: &[Event], crews: &[Crew], now: i64) -> Vec<Alert> {
    let mut dice = Dice::new(seed, "alerts");
    // Nobody raised two at once: one open batch per person (S3).
    let mut senders = HashSet::new();
    let mut alerts = Vec::new();
    for (at, crew) in crews.iter().enumerate() {
        let event = &events[crew.event];
        let until = event.effective_end().min(now - HOUR);
        if event.cancelled_at.is_some() || !dice.percent(2) {
            continue;
        }
        let sender = dice.pick(&crew.members);
        let from = event.start.max(sender.joined_at);
        if from >= until || !senders.insert(sender.person) {
            continue;
        }
        let raised_at = dice.between(from, until);
        let others = crew.members.iter().filter(|one| one.person != sender.person && one.joined_at <= raised_at);
        let recipients: Vec<_> = others.map(|one| one.person).collect();
        if recipients.is_empty() {
            continue;
        }
        let resolved_at = raised_at + dice.between(3 * MINUTE, 40 * MINUTE);
        alerts.push(Alert {
            id: dice.id(raised_at),
            row: dice.id(raised_at),
            crew: at,
            sender: sender.person,
            kind: dice.pick::<&str>(&["help", "medical", "harassment", "other"]),
            message: dice.percent(70).then(|| *dice.pick(CALLS)),
            place: event.place.filter(|_| resolved_at > now - PLACES),
            raised_at,
            resolved_at,
            expires_at: event.effective_end() + 14 * HOUR,
            recipients,
        });
    }
    alerts
}

fn reports(seed: u64, crews: &[Crew], now: i64) -> Vec<Report> {
    let mut dice = Dice::new(seed, "reports");
    let mut reports = Vec::new();
    for crew in crews {
        for entry in &crew.timeline {
            let Some(message) = &entry.message else { continue };
            let reporter = dice.pick(&crew.members).person;
            if reporter == entry.person || !dice.percent(1) {
                continue;
            }
            let created_at = (entry.at + dice.between(MINUTE, 8 * HOUR)).min(now);
            // What is old was looked at.
            let closed_at = created_at + dice.between(HOUR, 3 * DAY);
            let closed = (closed_at < now).then(|| (closed_at, dice.percent(40)));
            reports.push(Report {
                id: dice.id(created_at),
                reporter,
                owner: entry.person,
                message: message.id,
                snapshot: message.content,
                words: dice.percent(50).then(|| *dice.pick(COMPLAINTS)),
                violation: dice.pick::<&str>(&["spam", "harassment", "hate", "sexual", "other"]),
                created_at,
                closed,
                log: dice.id(created_at),
            });
        }
    }
    reports.sort_unstable_by_key(|report| (report.created_at, report.id));
    reports
}

/// Of people who have done nothing since, and have nothing before them: a ban would have taken it away (M5).
fn bans(seed: u64, city: &City, now: i64) -> Vec<Ban> {
    let mut dice = Dice::new(seed, "bans");
    let (last, busy) = (last_seen(city), busy(city, now));
    let quiet: Vec<_> = (DEMO..city.people.len()).filter(|person| !busy.contains(person)).collect();
    let mut bans = Vec::new();
    for person in quiet.into_iter().take(12) {
        let from = last[person].max(city.people[person].created_at) + HOUR;
        if from >= now - DAY {
            continue;
        }
        let created_at = dice.between(from, now - DAY);
        bans.push(Ban {
            id: dice.id(created_at),
            person,
            violation: dice.pick::<&str>(&["spam", "harassment", "impersonation"]),
            reason: dice.pick::<&str>(BAN_REASONS),
            created_at,
            expires_at: dice.percent(50).then(|| created_at + dice.between(DAY / 2, 20 * DAY)),
            log: dice.id(created_at),
        });
    }
    bans
}

/// When each of the people last did something.
fn last_seen(city: &City) -> Vec<i64> {
    let mut last = vec![0; city.people.len()];
    let mut seen = |person: usize, at: i64| last[person] = last[person].max(at);
    city.events.iter().for_each(|event| seen(event.creator, event.cancelled_at.unwrap_or(event.created_at)));
    city.answers.given.iter().for_each(|answer| seen(answer.person, answer.created_at));
    city.ratings.iter().for_each(|rating| seen(rating.rater, rating.created_at));
    city.blocks.iter().for_each(|block| seen(block.blocker, block.created_at));
    last
}

/// Who has something before them, or is in a crew.
fn busy(city: &City, now: i64) -> HashSet<usize> {
    let ahead = |event: &usize| city.events[*event].effective_end() > now;
    let going = city.answers.given.iter().filter(|answer| answer.status == Status::Going && ahead(&answer.event));
    let mut busy: HashSet<_> = going.map(|answer| answer.person).collect();
    busy.extend(city.answers.waitlist.iter().map(|entry| entry.person));
    busy.extend(city.events.iter().filter(|event| event.effective_end() > now).map(|event| event.creator));
    busy.extend(city.crews.iter().flat_map(|crew| &crew.members).map(|member| member.person));
    busy
}
