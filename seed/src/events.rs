//! The events of the city.

use crate::calendar::{Calendar, DAY, HOUR, MINUTE, month};
use crate::dice::{Dice, Weights};
use crate::people::Person;
use crate::venues::{Kind, Place, Venue};
use crate::words::events::{BAR, CLUB, CONCERT, OTHER, OUTDOOR, PARTY, PRACTICAL, RESTAURANT, SPORTS, TAILS, Words};
use uuid::Uuid;

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Uuid,
    /// An index into the people.
    pub(crate) creator: usize,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) address: String,
    pub(crate) place: Option<Place>,
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
    pub(crate) capacity: Option<i32>,
    pub(crate) waitlist: bool,
    pub(crate) public: bool,
    pub(crate) cancelled_at: Option<i64>,
    pub(crate) created_at: i64,
    /// Whether people have rated each other already.
    pub(crate) rated: bool,
}

impl Event {
    /// E2.
    pub(crate) fn effective_end(&self) -> i64 {
        self.end.unwrap_or(self.start + DAY)
    }
}

/// What events are made of.
pub(crate) struct Scene<'a> {
    pub(crate) people: &'a [Person],
    /// How often each of the people invites.
    pub(crate) hosts: &'a Weights,
    pub(crate) venues: &'a [Venue],
    pub(crate) now: i64,
}

/// `number` events, in the order in which they were announced, so that ids grow with the rows.
pub(crate) fn all(seed: u64, number: usize, scene: &Scene<'_>) -> Vec<Event> {
    let mut dice = Dice::new(seed, "events");
    let calendar = Calendar::around(scene.now);
    let mut events: Vec<_> = (0..number).map(|_| event(&mut dice, &calendar, scene)).collect();
    events.sort_unstable_by_key(|event| (event.created_at, event.id));
    events
}

fn event(dice: &mut Dice, calendar: &Calendar, scene: &Scene<'_>) -> Event {
    let now = scene.now;
    let (kind, start, end) = calendar.draw(dice);
    let created_at = announced(dice, start, now);
    let creator = host(dice, scene, created_at);
    let at: Vec<_> = scene.venues.iter().filter(|venue| venue.kind == kind).collect();
    let venue = *dice.pick(&at);
    let capacity = dice.percent(70).then(|| *dice.pick(seats(kind)));
    let cancelled_at = dice.percent(3).then(|| dice.between(created_at + 10 * MINUTE, start.min(now)));
    Event {
        id: dice.id(created_at),
        creator,
        name: name(dice, kind, start, venue),
        description: description(dice, kind, venue),
        kind,
        address: venue.address(),
        // Some have told no place on the map (E22).
        place: (!dice.percent(2)).then_some(venue.place),
        start,
        end,
        capacity,
        waitlist: capacity.is_some() && dice.percent(95),
        public: !dice.percent(8),
        cancelled_at,
        created_at,
        rated: true,
    }
}

/// When it was announced: mostly days, at times two months before it starts, at least 30 minutes (E1).
fn announced(dice: &mut Dice, start: i64, now: i64) -> i64 {
    let ahead = (2.0 * DAY as f64 / (dice.unit() + 0.03)) as i64;
    let announced = start - ahead.max(2 * HOUR);
    if announced <= now - HOUR { announced } else { now - HOUR - dice.between(0, 20 * DAY) }
}

/// Somebody who was there when it was announced.
fn host(dice: &mut Dice, scene: &Scene<'_>, announced: i64) -> usize {
    let there = |person: &usize| scene.people[*person].created_at < announced;
    (0..64)
        .map(|_| dice.weighted(scene.hosts))
        .find(there)
        // The demo people were the first; nobody was there before them.
        .unwrap_or(0)
}

fn words(kind: Kind) -> &'static Words {
    match kind {
        Kind::Bar => &BAR,
        Kind::Club => &CLUB,
        Kind::Concert => &CONCERT,
        Kind::Party => &PARTY,
        Kind::Restaurant => &RESTAURANT,
        Kind::Outdoor => &OUTDOOR,
        Kind::Sports => &SPORTS,
        Kind::Other => &OTHER,
    }
}

fn seats(kind: Kind) -> &'static [i32] {
    match kind {
        Kind::Bar | Kind::Outdoor => &[8, 10, 12, 15, 20, 30],
        Kind::Club => &[30, 50, 80, 120, 200, 300],
        Kind::Concert => &[15, 20, 40, 60, 100, 200],
        Kind::Party => &[15, 20, 25, 30, 50, 80],
        Kind::Restaurant => &[4, 6, 8, 10, 12, 16],
        Kind::Sports => &[4, 6, 8, 10, 12, 14, 22],
        Kind::Other => &[6, 8, 10, 12, 15, 20, 30],
    }
}

fn name(dice: &mut Dice, kind: Kind, start: i64, venue: &Venue) -> String {
    let words = words(kind);
    let season = match month(start) {
        5..=9 => words.summer,
        11..=12 | 1..=3 => words.winter,
        _ => words.names,
    };
    let head = if dice.percent(25) { dice.pick(season) } else { dice.pick(words.names) };
    match dice.below(10) {
        0..3 => (*head).to_owned(),
        3..5 => format!("{head} @ {}", venue.name),
        5..7 => format!("{head} · {}", venue.district),
        7 => format!("{head} #{}", 1 + dice.below(40)),
        _ => format!("{head} {}", dice.pick(TAILS)),
    }
}

fn description(dice: &mut Dice, kind: Kind, venue: &Venue) -> Option<String> {
    let about = dice.pick(words(kind).about);
    match dice.below(10) {
        0 => None,
        1..4 => Some((*about).to_owned()),
        4..8 => Some(format!("{about}\n\n{}", dice.pick(PRACTICAL))),
        _ => Some(format!("{about} {} liegt im Quartier {}.\n\n{}", venue.name, venue.district, dice.pick(PRACTICAL))),
    }
}
