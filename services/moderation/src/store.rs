//! The SQL of the moderation service, by what it is about.

pub(crate) mod appeals;
pub(crate) mod bans;
pub(crate) mod log;
pub(crate) mod people;
pub(crate) mod reports;
