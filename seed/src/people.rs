//! The people of the city. The first six are the demo people of the issuer, so that signing in finds them.

use crate::calendar::{DAY, HOUR, PAST_DAYS};
use crate::dice::{Dice, Weights};
use crate::words::names::{FIRST, LAST};
use crate::words::people::{BIO_CLOSINGS, BIO_OPENINGS, INTERESTS};
use crewup_issuer::Person as Account;
use uuid::Uuid;

/// Where the demo people are in the list: the order of [`Account::DEMO`].
pub(crate) const HOST: usize = 0;
pub(crate) const GUEST: usize = 1;
pub(crate) const FRIEND: usize = 2;
pub(crate) const MODERATOR: usize = 4;
pub(crate) const ADMIN: usize = 5;
/// So many people are not drawn by chance: what they do is told by `demo`.
pub(crate) const DEMO: usize = Account::DEMO.len();

/// Events are announced up to some 66 days before they start; the first people are there before the first of those.
const FOUNDED: i64 = PAST_DAYS as i64 + 70;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) subject: String,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) bio: Option<String>,
    pub(crate) picture: Option<String>,
    pub(crate) interests: Vec<&'static str>,
    /// The realm role that tokens of this person carry (M1).
    pub(crate) role: Option<&'static str>,
    pub(crate) created_at: i64,
    /// How well others speak of this person: 0 to 9.
    pub(crate) charm: u64,
}

/// `number` people, in the order in which they joined after the demo people.
pub(crate) fn all(seed: u64, number: usize, now: i64) -> Vec<Person> {
    let mut dice = Dice::new(seed, "people");
    let mut people: Vec<_> = Account::DEMO
        .iter()
        .enumerate()
        .map(|(at, name)| demo(&mut dice, name, now - (FOUNDED + 80) * DAY + at as i64 * HOUR))
        .collect();
    let mut joined: Vec<_> = (DEMO..number)
        .map(|_| {
            // Two of three were there from the beginning.
            let days = if dice.percent(66) { (FOUNDED, FOUNDED + 79) } else { (2, FOUNDED) };
            now - dice.between(days.0 * DAY, days.1 * DAY)
        })
        .collect();
    joined.sort_unstable();
    people.extend(joined.into_iter().enumerate().map(|(at, joined)| stranger(&mut dice, at + 1, joined)));
    people
}

/// Who takes part how often: a few much, most little.
pub(crate) fn activity(seed: u64, number: usize, part: &str, evenness: u64) -> Weights {
    let mut ranks: Vec<_> = (0..number as u64).collect();
    Dice::new(seed, part).shuffle(&mut ranks, number);
    Weights::new(ranks.into_iter().enumerate().map(
        |(person, rank)| {
            if person < DEMO { 0 } else { 1_000_000_000 / (rank + evenness) }
        },
    ))
}

/// What the first token of such a person would make (U1): the same names, so that signing in changes nothing (U2).
fn demo(dice: &mut Dice, name: &str, created_at: i64) -> Person {
    let mut letters = name.chars();
    let first_name = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    let role = match name {
        "mod" => Some("moderator"),
        "admin" => Some("admin"),
        _ => None,
    };
    Person { first_name, last_name: "Demo".into(), role, ..profile(dice, name, created_at) }
}

/// Anybody else may sign in too, as `person-<number>`; the profile then takes over what the token says.
fn stranger(dice: &mut Dice, number: usize, created_at: i64) -> Person {
    profile(dice, &format!("person-{number}"), created_at)
}

fn profile(dice: &mut Dice, account: &str, created_at: i64) -> Person {
    let id = dice.id(created_at);
    let first_name = (*dice.pick(FIRST)).to_owned();
    let last_name = (*dice.pick(LAST)).to_owned();
    let bio = match dice.below(10) {
        0..3 => None,
        3..6 => Some((*dice.pick(BIO_OPENINGS)).to_owned()),
        _ => Some(format!("{} {}", dice.pick(BIO_OPENINGS), dice.pick(BIO_CLOSINGS))),
    };
    let mut interests = INTERESTS.to_vec();
    let number = dice.below(9) as usize;
    dice.shuffle(&mut interests, number);
    interests.truncate(number);
    let account = Account::named(account);
    Person {
        id,
        subject: account.sub().to_owned(),
        email: account.email().unwrap_or_default().to_owned(),
        first_name,
        last_name,
        bio,
        picture: dice.percent(60).then(|| format!("https://example.org/people/{}.jpg", account.name())),
        interests,
        role: None,
        created_at,
        charm: dice.below(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_people_are_those_of_the_issuer() {
        let people = all(1, 20, 1_790_000_000);
        for (person, name) in people.iter().zip(Account::DEMO) {
            let account = Account::named(name);
            assert_eq!((person.subject.as_str(), Some(person.email.as_str())), (account.sub(), account.email()));
        }
        assert_eq!((people[HOST].first_name.as_str(), people[HOST].last_name.as_str()), ("Host", "Demo"));
        assert_eq!(Account::DEMO[GUEST], "guest");
        assert_eq!(Account::DEMO[FRIEND], "friend");
        assert_eq!((people[MODERATOR].role, people[ADMIN].role), (Some("moderator"), Some("admin")));
    }

    #[test]
    fn u4_profiles_keep_their_limits() {
        for person in all(2, 500, 1_790_000_000) {
            assert!(person.bio.is_none_or(|bio| bio.chars().count() <= 500));
            assert!(person.picture.is_none_or(|url| url.starts_with("https://example.org/")));
            let mut interests: Vec<_> = person.interests.iter().map(|interest| interest.to_lowercase()).collect();
            interests.sort();
            interests.dedup();
            assert_eq!(interests.len(), person.interests.len());
            assert!(interests.len() <= 10 && interests.iter().all(|interest| interest.chars().count() <= 50));
        }
    }
}
