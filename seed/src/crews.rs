//! Crews and what they write to each other.

use crate::answers::{Answer, Answers, Status};
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::dice::Dice;
use crate::events::Event;
use crate::people::DEMO;
use crate::words::crews::{CREW_NAMES, CREW_PROMISES, MESSAGES};
use uuid::Uuid;

/// Until when a crew can write: after the effective end, after a cancellation (C15, E16).
const WRITABLE: i64 = 48 * HOUR;
const WRITABLE_CANCELLED: i64 = 72 * HOUR;

/// A row of `groups`, with its members and its chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crew {
    pub(crate) id: Uuid,
    pub(crate) event: usize,
    pub(crate) name: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) private: bool,
    pub(crate) most: i32,
    pub(crate) created_at: i64,
    /// The first made the crew and leads it (G1).
    pub(crate) members: Vec<Member>,
    /// Everything that happened, by its number, from 1 (C2).
    pub(crate) timeline: Vec<Entry>,
}

/// A row of `group_members`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) person: usize,
    pub(crate) joined_at: i64,
    /// Up to which number the member has read (C10).
    pub(crate) read: i64,
}

/// What happened at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) person: usize,
    /// None: the person joined.
    pub(crate) message: Option<Message>,
}

/// A row of `messages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) content: &'static str,
}

/// The crews of all events, in the order of their making.
pub(crate) fn all(seed: u64, events: &[Event], answers: &Answers, now: i64) -> Vec<Crew> {
    let mut dice = Dice::new(seed, "crews");
    let mut crews = Vec::new();
    for of_event in answers.given.chunk_by(|one, next| one.event == next.event) {
        let event = &events[of_event[0].event];
        let going: Vec<_> = of_event.iter().filter(|answer| answer.status == Status::Going).collect();
        // What is near is talked about, and the demo people talk a lot.
        let chance = match event.start > now - 14 * DAY {
            _ if event.creator < DEMO => 100,
            true => 45,
            false => 12,
        };
        for _ in 0..1 + going.len() / 20 {
            if going.len() >= 3 && dice.percent(chance) {
                crews.extend(crew(&mut dice, event, &going, now));
            }
        }
    }
    crews.sort_unstable_by_key(|crew: &Crew| (crew.created_at, crew.id));
    crews
}

/// None: the time was too short to find together.
fn crew(dice: &mut Dice, event: &Event, going: &[&Answer], now: i64) -> Option<Crew> {
    // Nobody joins what is over or cancelled (G1, E16).
    let until = event.effective_end().min(now).min(event.cancelled_at.unwrap_or(i64::MAX)) - MINUTE;
    let mut people = going.to_vec();
    let number = 2 + dice.below(7) as usize;
    dice.shuffle(&mut people, number);
    // The demo people are in the crews of what they go to.
    people.sort_by_key(|answer| answer.person >= DEMO);
    people.truncate(number);
    let founder = people.first()?;
    let created_at = moment(dice, founder.created_at + MINUTE, until)?;
    let mut members = vec![Member { person: founder.person, joined_at: created_at, read: 0 }];
    for guest in &people[1..] {
        if let Some(joined_at) = moment(dice, created_at.max(guest.created_at) + MINUTE, until) {
            members.push(Member { person: guest.person, joined_at, read: 0 });
        }
    }
    let mut timeline: Vec<_> =
        members.iter().map(|member| Entry { at: member.joined_at, person: member.person, message: None }).collect();
    let closes = event.cancelled_at.map_or(event.effective_end() + WRITABLE, |at| at + WRITABLE_CANCELLED);
    for _ in 0..dice.below(20 * members.len() as u64 / 3) {
        let author = dice.pick(&members);
        if let Some(at) = moment(dice, author.joined_at + MINUTE, closes.min(now) - MINUTE) {
            let message = Message { id: dice.id(at), content: dice.pick::<&str>(MESSAGES) };
            timeline.push(Entry { at, person: author.person, message: Some(message) });
        }
    }
    timeline.sort_by_key(|entry| entry.at);
    for member in &mut members {
        // Half of them have read everything.
        let last = timeline.len() as i64;
        member.read = if dice.percent(50) { last } else { dice.between(0, last) };
    }
    Some(Crew {
        id: dice.id(created_at),
        event: founder.event,
        name: dice.pick::<&str>(CREW_NAMES),
        description: dice.percent(40).then(|| *dice.pick(CREW_PROMISES)),
        private: dice.percent(25),
        most: 10,
        created_at,
        members,
        timeline,
    })
}

/// A second of that time. None: there is none.
fn moment(dice: &mut Dice, from: i64, until: i64) -> Option<i64> {
    (from < until).then(|| dice.between(from, until))
}
