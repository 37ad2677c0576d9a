//! The rules of alerts, pure: what they decide, they decide from their arguments.

mod alert;
mod call;
mod level;
mod names;

pub(crate) use alert::{Alert, CrewRow, RecipientRow};
pub(crate) use call::{Call, Edit, SentPlace};
pub(crate) use level::{FIRST, Level, next_level};
pub(crate) use names::{Answer, Resolver, State};
