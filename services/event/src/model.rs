//! The rules of events, pure: what they decide, they decide from their arguments.

mod edit;
mod event;
mod seats;
mod status;

pub(crate) use edit::{Draft, Edit, required};
pub(crate) use event::Event;
pub(crate) use seats::{Answer, Change, Queue, answer, freed};
pub(crate) use status::{Status, type_name};
