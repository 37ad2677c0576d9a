//! Who comes: answers, waitlists and the access to private events, as if everyone had answered in turn.

use crate::calendar::MINUTE;
use crate::dice::{Dice, Weights};
use crate::door::Door;
use crate::events::Event;
use crate::people::Person;
use crate::venues::Kind;

/// A person's answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Going,
    Interested,
    NotGoing,
}

impl Status {
    /// As in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Going => "going",
            Self::Interested => "interested",
            Self::NotGoing => "not_going",
        }
    }
}

/// A row of `event_attendees`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) event: usize,
    pub(crate) person: usize,
    pub(crate) status: Status,
    pub(crate) created_at: i64,
}

/// A row of `event_waitlist` or `event_access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) event: usize,
    pub(crate) person: usize,
    pub(crate) created_at: i64,
}

/// The counters of `event_seats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats {
    pub(crate) going: i32,
    pub(crate) interested: i32,
    pub(crate) waiting: i32,
}

/// Everybody's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Those of one event are next to each other, in the order in which they were given.
    pub(crate) given: Vec<Answer>,
    /// In the order of the queues (E11).
    pub(crate) waitlist: Vec<Entry>,
    pub(crate) access: Vec<Entry>,
    /// One for each event.
    pub(crate) seats: Vec<Seats>,
}

/// Somebody answers.
pub(crate) struct Arrival {
    pub(crate) at: i64,
    pub(crate) person: usize,
    pub(crate) wants: Status,
}

/// Draws who answers which event.
pub(crate) struct Crowd<'a> {
    dice: Dice,
    people: &'a [Person],
    guests: &'a Weights,
    now: i64,
    /// The event that a person was last drawn for, so that nobody answers twice.
    drawn: Vec<usize>,
}

impl<'a> Crowd<'a> {
    pub(crate) fn new(seed: u64, people: &'a [Person], guests: &'a Weights, now: i64) -> Self {
        Self { dice: Dice::new(seed, "crowd"), people, guests, now, drawn: vec![usize::MAX; people.len()] }
    }

    /// How many would like to come: few to most events, very many to some.
    pub(crate) fn interest(&mut self, event: &Event) -> u64 {
        let usual = match event.kind {
            Kind::Club => 30.0,
            Kind::Concert => 24.0,
            Kind::Party => 17.0,
            Kind::Bar => 15.0,
            Kind::Outdoor => 14.0,
            _ => 12.0,
        };
        let share = if event.public { 1.0 } else { 0.6 };
        // An event that is still ahead has had a part of its answers, the more of them the nearer it is.
        let told = (self.now - event.created_at) as f64 / (event.start - event.created_at) as f64;
        let popularity = 0.25 + 0.13 / (self.dice.unit() + 0.008);
        (usual * share * popularity * told.min(1.0).sqrt()) as u64
    }

    /// `invited` and `number` others answer the event `at`, in turn.
    pub(crate) fn answer(
        &mut self,
        answers: &mut Answers,
        at: usize,
        event: &Event,
        invited: Vec<Arrival>,
        number: u64,
    ) {
        let mut arrivals = invited;
        self.drawn[event.creator] = at;
        for known in &arrivals {
            self.drawn[known.person] = at;
        }
        for _ in 0..number {
            arrivals.extend(self.arrival(at, event));
        }
        arrivals.sort_by_key(|arrival| (arrival.at, arrival.person));

        let mut door = Door::new(answers, at, event, self.now);
        for arrival in arrivals {
            door.answer(&arrival, &mut self.dice);
        }
        door.close();
        if !event.public {
            self.invite_more(answers, at, event);
        }
    }

    /// Somebody who was there and has not answered yet.
    fn arrival(&mut self, at: usize, event: &Event) -> Option<Arrival> {
        let person = self.dice.weighted(self.guests);
        let over = event.cancelled_at.unwrap_or(i64::MAX).min(self.now).min(event.effective_end());
        // Few answer when it has begun.
        let until = if self.dice.percent(3) { over } else { over.min(event.start) } - MINUTE;
        let from = event.created_at.max(self.people[person].created_at) + MINUTE;
        if from >= until || self.drawn[person] == at {
            return None;
        }
        self.drawn[person] = at;
        let wants = match self.dice.below(100) {
            0..72 => Status::Going,
            72..93 => Status::Interested,
            _ => Status::NotGoing,
        };
        // Most answer late.
        let late = self.dice.between(from, until).max(self.dice.between(from, until));
        Some(Arrival { at: late, person, wants })
    }

    /// Some who were invited to a private event have not answered yet (E20).
    fn invite_more(&mut self, answers: &mut Answers, at: usize, event: &Event) {
        for _ in 0..self.dice.below(5) {
            let person = self.dice.weighted(self.guests);
            let created_at = event.created_at + MINUTE;
            if self.drawn[person] != at && self.people[person].created_at < created_at {
                self.drawn[person] = at;
                answers.access.push(Entry { event: at, person, created_at });
            }
        }
    }
}
