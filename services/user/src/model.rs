//! The rules of people, pure: what they decide, they decide from their arguments.

mod account;
mod claims;
mod person;
mod profile;
mod rating;

pub(crate) use account::{Due, Profile, Progress, Seen, Stage, too_many};
pub(crate) use claims::{Claims, Complete, tombstone};
pub(crate) use person::{Person, reputation};
pub(crate) use profile::{Edit, Me};
pub(crate) use rating::{Draft, OPEN_DAYS, Ratable, Rating, Shared};
