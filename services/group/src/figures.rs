//! What the group service counts for its operator.

use crewup_shared::figures::Figure;

/// Crews that were formed, open or private.
pub(crate) static FORMED: Figure = Figure::count("crewup.crews.formed", "Crews formed");

/// Messages that are in a timeline.
pub(crate) static SENT: Figure = Figure::count("crewup.messages.sent", "Messages sent");
