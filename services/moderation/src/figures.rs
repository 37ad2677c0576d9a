//! What the moderation service counts for its operator.

use crewup_shared::figures::Figure;

/// Bans, new and revised.
pub(crate) static BANNED: Figure = Figure::count("crewup.bans.made", "Bans made or revised");

/// Reports, by what they are about.
pub(crate) static REPORTED: Figure = Figure::count("crewup.reports.made", "Reports made");
