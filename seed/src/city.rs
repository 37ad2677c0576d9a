//! The whole city, before it is written: a function of the seed, the sizes and the time alone.

use crate::answers::{Answers, Crowd};
use crate::crews::{self, Crew};
use crate::dice::Weights;
use crate::events::{self, Event, Scene};
use crate::people::{self, Person};
use crate::ratings::{self, Block, Rating};
use crate::trouble::{self, Trouble};
use crate::{demo, venues};

/// All rows, linked by index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct City {
    pub(crate) people: Vec<Person>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) events: Vec<Event>,
    pub(crate) answers: Answers,
    pub(crate) ratings: Vec<Rating>,
    pub(crate) crews: Vec<Crew>,
    pub(crate) trouble: Trouble,
}

impl City {
    /// The city of that seed, at `now`.
    pub(crate) fn imagine(seed: u64, people: usize, events: usize, now: i64) -> Self {
        let venues = venues::all();
        let hosts = people::activity(seed, people, "hosts", 25);
        let guests = people::activity(seed, people, "guests", 200);
        let people = people::all(seed, people, now);
        let scene = Scene { people: &people, hosts: &hosts, venues: &venues, now };
        let (events, answers) = happenings(seed, events, &scene, &guests);
        let blocks = ratings::blocks(seed, &people, now);
        let ratings = ratings::all(seed, &people, &events, &answers, now);
        let crews = crews::all(seed, &events, &answers, now);
        let mut city = Self { people, blocks, events, answers, ratings, crews, trouble: Trouble::default() };
        city.trouble = trouble::all(seed, &city, now);
        city
    }
}

fn happenings(seed: u64, number: usize, scene: &Scene<'_>, guests: &Weights) -> (Vec<Event>, Answers) {
    let stories = demo::stories(seed, number, scene);
    let mut events = events::all(seed, number - stories.len(), scene);
    let mut crowd = Crowd::new(seed, scene.people, guests, scene.now);
    let mut answers = Answers::default();
    for (at, event) in events.iter().enumerate() {
        let number = crowd.interest(event);
        crowd.answer(&mut answers, at, event, Vec::new(), number);
    }
    for story in stories {
        let at = events.len();
        crowd.answer(&mut answers, at, &story.event, story.arrivals(scene.now), story.crowd);
        events.push(story.event);
    }
    (events, answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Entry, Status};
    use crate::calendar::DAY;
    use crate::people::GUEST;
    use std::collections::HashSet;

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn the_same_seed_and_time_give_the_same_city() {
        assert_eq!(City::imagine(1, 60, 300, NOW), City::imagine(1, 60, 300, NOW));
        assert_ne!(City::imagine(1, 60, 300, NOW), City::imagine(2, 60, 300, NOW));
    }

    #[test]
    fn e8_nobody_is_let_in_beyond_the_capacity_and_waiters_wait_only_where_it_is_full() {
        let city = City::imagine(3, 200, 1500, NOW);
        let mut waited = false;
        for (at, (event, seats)) in city.events.iter().zip(&city.answers.seats).enumerate() {
            let going = city.answers.given.iter().filter(|a| a.event == at && a.status == Status::Going).count();
            assert_eq!(usize::try_from(seats.going), Ok(going));
            assert!(event.capacity.is_none_or(|capacity| seats.going <= capacity));
            if seats.waiting > 0 {
                waited = true;
                assert!(event.start > NOW && event.cancelled_at.is_none() && event.waitlist);
                assert_eq!(Some(seats.going), event.capacity);
            }
        }
        assert!(waited);
    }

    #[test]
    fn r2_r3_r4_ratings_are_among_those_going_in_time_and_once() {
        let city = City::imagine(4, 200, 1500, NOW);
        let going: HashSet<_> =
            city.answers.given.iter().filter(|a| a.status == Status::Going).map(|a| (a.event, a.person)).collect();
        let mut once = HashSet::new();
        assert!(city.ratings.len() > 1000);
        for rating in &city.ratings {
            let event = &city.events[rating.event];
            let age = rating.created_at - event.effective_end();
            assert!(rating.rated != rating.rater && (1..=5).contains(&rating.stars));
            assert!(going.contains(&(rating.event, rating.rated)) && going.contains(&(rating.event, rating.rater)));
            assert!(event.cancelled_at.is_none() && (0..=14 * DAY).contains(&age) && rating.created_at <= NOW);
            assert!(once.insert((rating.event, rating.rater, rating.rated)));
        }
    }

    #[test]
    fn whoever_signs_in_as_guest_waits_for_a_dinner_and_is_invited_to_a_birthday() {
        let city = City::imagine(5, 200, 1500, NOW);
        let named = |name: &str| city.events.iter().rposition(|event| event.name == name);
        let guest = |entry: &Entry| (entry.person == GUEST).then_some(entry.event);
        assert_eq!(city.answers.waitlist.iter().find_map(guest), named("Znacht zu acht"));
        assert_eq!(city.answers.access.iter().find_map(guest), named("Geburtstag am Fluss"));
    }

    #[test]
    fn a_city_of_any_size_can_be_imagined() {
        for (people, events) in [(20, 0), (20, 1), (20, 40), (25, 9)] {
            assert_eq!(City::imagine(1, people, events, NOW).events.len(), events);
        }
    }
}
