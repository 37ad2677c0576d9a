//! What things and people are called. Word lists only; how they are put together is said where they are used.

pub(crate) mod crews;
// One word a line would be hundreds of lines.
#[rustfmt::skip]
pub(crate) mod events;
#[rustfmt::skip]
pub(crate) mod names;
pub(crate) mod people;
