//! The rules of crews and their chat, pure: what they decide, they decide from their arguments.

mod content;
mod crew;
mod departure;
mod edit;
mod entry;
mod message;
mod request;

pub(crate) use content::content;
pub(crate) use crew::{Chat, Crew, HostEvent, OPEN_AFTER_CANCELLATION, OPEN_AFTER_END, Person};
pub(crate) use departure::{Cause, Succession};
pub(crate) use edit::{Draft, Edit, required};
pub(crate) use entry::{Entry, Position};
pub(crate) use message::{Deleter, Message, NewMessage, RATE_COUNT, RATE_SECONDS, Sender};
pub(crate) use request::{JoinRequest, State};
