//! What things and people are called. Word lists only; how they are put together is said where they are used.

pub(crate) mod events;
pub(crate) mod names;
pub(crate) mod people;
