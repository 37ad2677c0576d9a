//! The rules as queries: each selects the first row that violates it.

mod crews;
mod events;
mod trouble;

/// A rule that rows can violate.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) says: &'static str,
    /// Selects the ids of a violating row, as text.
    pub(super) violated_by: &'static str,
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = Rule> {
    events::RULES.iter().chain(crews::RULES).chain(trouble::RULES).copied()
}
