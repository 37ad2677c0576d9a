//! What people think of each other after an event.

use crate::answers::{Answer, Answers, Status};
use crate::calendar::{DAY, MINUTE};
use crate::dice::Dice;
use crate::events::Event;
use crate::people::{DEMO, Person};
use crate::words::people::{CRITICISM, PRAISE};
use std::collections::HashSet;
use uuid::Uuid;

/// How long after the effective end one may rate (R3).
const WINDOW: i64 = 14 * DAY;

/// A row of `ratings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rating {
    pub(crate) id: Uuid,
    pub(crate) event: usize,
    pub(crate) rated: usize,
    pub(crate) rater: usize,
    pub(crate) stars: i32,
    pub(crate) comment: Option<&'static str>,
    pub(crate) created_at: i64,
}

/// All ratings: among those who were going (R2) to an event that is over and took place (R3).
pub(crate) fn all(seed: u64, people: &[Person], events: &[Event], answers: &Answers, now: i64) -> Vec<Rating> {
    let mut dice = Dice::new(seed, "ratings");
    let mut ratings = Vec::new();
    for of_event in answers.given.chunk_by(|one, next| one.event == next.event) {
        let at = of_event[0].event;
        let event = &events[at];
        if event.rated && event.cancelled_at.is_none() && event.effective_end() + MINUTE < now {
            among(&mut dice, people, event, of_event, now, &mut ratings);
        }
    }
    ratings.sort_unstable_by_key(|rating| (rating.created_at, rating.id));
    ratings
}

fn among(dice: &mut Dice, people: &[Person], event: &Event, answers: &[Answer], now: i64, ratings: &mut Vec<Rating>) {
    let going: Vec<_> = answers.iter().filter(|answer| answer.status == Status::Going).collect();
    let mut done = HashSet::new();
    for answer in &going {
        if !dice.percent(27) {
            continue;
        }
        for _ in 0..1 + dice.below(2) {
            // The one who invited is rated most.
            let rated = if dice.percent(45) { event.creator } else { dice.pick(&going).person };
            if rated == answer.person || !done.insert((answer.person, rated)) {
                continue;
            }
            let created_at = moment(dice, event, now);
            let stars = stars(dice, people[rated].charm);
            ratings.push(Rating {
                id: dice.id(created_at),
                event: answer.event,
                rated,
                rater: answer.person,
                stars,
                comment: comment(dice, stars),
                created_at,
            });
        }
    }
}

/// Most rate on the next day.
fn moment(dice: &mut Dice, event: &Event, now: i64) -> i64 {
    let last = (event.effective_end() + WINDOW - MINUTE).min(now);
    let first = (event.effective_end() + MINUTE).min(last);
    dice.between(first, last).min(dice.between(first, last)).min(dice.between(first, last))
}

fn stars(dice: &mut Dice, charm: u64) -> i32 {
    match dice.below(100) + 3 * charm {
        0..4 => 1,
        4..10 => 2,
        10..24 => 3,
        24..60 => 4,
        _ => 5,
    }
}

fn comment(dice: &mut Dice, stars: i32) -> Option<&'static str> {
    let words = if stars > 3 { PRAISE } else { CRITICISM };
    dice.percent(40).then(|| *dice.pick(words))
}

/// A row of `user_blocks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) blocker: usize,
    pub(crate) blocked: usize,
    pub(crate) created_at: i64,
}

/// A few who do not want to see each other (U5); the demo people see everyone.
pub(crate) fn blocks(seed: u64, people: &[Person], now: i64) -> Vec<Block> {
    let mut dice = Dice::new(seed, "blocks");
    let mut done = HashSet::new();
    let mut blocks = Vec::new();
    for _ in 0..people.len() / 60 {
        let mut one = || DEMO + dice.below((people.len() - DEMO) as u64) as usize;
        let (blocker, blocked) = (one(), one());
        if blocker != blocked && done.insert((blocker, blocked)) {
            let met = people[blocker].created_at.max(people[blocked].created_at);
            blocks.push(Block { blocker, blocked, created_at: dice.between(met, now) });
        }
    }
    blocks
}
