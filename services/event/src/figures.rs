//! What the event service counts for its operator.

use crewup_shared::figures::Figure;

/// Events that were made, public or private.
pub(crate) static CREATED: Figure = Figure::count("crewup.events.created", "Events made");

/// Answers that changed something, by what they became; `promoted` are those whom the waitlist let in.
pub(crate) static RSVPS: Figure = Figure::count("crewup.rsvps.changed", "RSVPs that changed");
