//! Everything of a CrewUp service that is not a domain rule.

pub mod migrate;
