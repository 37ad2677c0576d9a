//! The rules of moderation, pure: what they decide, they decide from their arguments.

mod appeal;
mod ban;
mod entry;
mod named;
mod object;
mod people;
mod report;

pub(crate) use appeal::Appeal;
pub(crate) use ban::{Ban, Draft, Version};
pub(crate) use entry::{Deed, Entry, Target, Touched};
pub(crate) use named::{Named, wire_number};
pub(crate) use object::{Kind, Object, SNAPSHOT, cut};
pub(crate) use people::People;
pub(crate) use report::{Outcome, Report};
