//! The rules at the door of an event: who has a seat, who waits, who sees it.

use crate::answers::{Answer, Answers, Arrival, Entry, Seats, Status};
use crate::calendar::DAY;
use crate::dice::Dice;
use crate::events::Event;

/// The door of one event.
pub(crate) struct Door<'a> {
    event: &'a Event,
    at: usize,
    now: i64,
    seats: Seats,
    answers: &'a mut Answers,
}

impl<'a> Door<'a> {
    /// `at` is the index of the event.
    pub(crate) fn new(answers: &'a mut Answers, at: usize, event: &'a Event, now: i64) -> Self {
        let mut door = Self { event, at, now, seats: Seats::default(), answers };
        // E19.
        door.enter(event.creator, Status::Going, event.created_at);
        door
    }

    /// Everyone has answered.
    pub(crate) fn close(self) {
        self.answers.seats.push(self.seats);
    }

    /// Somebody answers, after all who have.
    pub(crate) fn answer(&mut self, arrival: &Arrival, dice: &mut Dice) {
        let Arrival { at, person, wants } = *arrival;
        let full = self.event.capacity.is_some_and(|capacity| self.seats.going >= capacity);
        if wants != Status::Going || !full {
            self.let_in(person, at);
            self.enter(person, wants, at);
        } else if self.can_wait() {
            self.let_in(person, at);
            self.seats.waiting += 1;
            self.answers.waitlist.push(Entry { event: self.at, person, created_at: at });
            // A waiter keeps the answer given before (E10).
            if dice.percent(15) {
                self.enter(person, Status::Interested, at);
            }
        } else if dice.percent(40) {
            self.let_in(person, at);
            self.enter(person, Status::Interested, at);
        }
    }

    /// The waitlist of an event that has begun or was cancelled is void (E13, E16).
    fn can_wait(&self) -> bool {
        self.event.waitlist && self.event.start > self.now && self.event.cancelled_at.is_none()
    }

    fn enter(&mut self, person: usize, status: Status, created_at: i64) {
        match status {
            Status::Going => self.seats.going += 1,
            Status::Interested => self.seats.interested += 1,
            Status::NotGoing => {}
        }
        self.answers.given.push(Answer { event: self.at, person, status, created_at });
    }

    /// Who answers a private event was invited before, at most a day (E20).
    fn let_in(&mut self, person: usize, answered: i64) {
        if !self.event.public {
            let created_at = self.event.created_at.max(answered - DAY);
            self.answers.access.push(Entry { event: self.at, person, created_at });
        }
    }
}
