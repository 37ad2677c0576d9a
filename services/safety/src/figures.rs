//! What the safety service counts for its operator.

use crewup_shared::figures::Figure;

/// Calls that raised an alert, for the first time or again.
pub(crate) static RAISED: Figure = Figure::count("crewup.alerts.raised", "Alerts raised");

/// Answers of recipients, by answer.
pub(crate) static ANSWERED: Figure = Figure::count("crewup.alerts.answered", "Answers to alerts");

/// Levels that were reached because nobody answered (S7).
pub(crate) static ESCALATED: Figure = Figure::count("crewup.alerts.escalated", "Alerts escalated");

/// From raising an alert to the first answer of anybody.
pub(crate) static TIME_TO_ANSWER: Figure = Figure::times(
    "crewup.alerts.time_to_answer",
    "From an alert to its first answer",
    &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0],
);

/// From publishing an alert to a recipient until a stream of theirs had sent it (S13). Who has no stream is not in it.
pub(crate) static TIME_TO_DELIVERY: Figure = Figure::times(
    "crewup.alerts.time_to_delivery",
    "From publishing an alert until a recipient's stream sent it",
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0],
);
