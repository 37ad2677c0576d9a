//! The SQL of the user service, by what it is about.

pub(crate) mod accounts;
pub(crate) mod blocks;
pub(crate) mod erase;
pub(crate) mod me;
pub(crate) mod orders;
pub(crate) mod people;
pub(crate) mod ratings;
pub(crate) mod sync;
