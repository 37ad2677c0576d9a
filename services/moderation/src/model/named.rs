//! The contract's enums as the tables know them: the value's name without the prefix, in lower case.

use crewup_proto::moderation::{AppealState, BanState, LogAction, ReportState, Violation};

/// An enum of the contract that a column holds by name.
pub(crate) trait Named: Copy {
    /// What the contract puts before every value's name.
    const PREFIX: &'static str;
    /// As in the contract.
    fn full_name(self) -> &'static str;
    /// The value of a name as in the contract.
    fn find(full_name: &str) -> Option<Self>;

    /// As in the tables.
    fn name(self) -> String {
        self.full_name().trim_start_matches(Self::PREFIX).to_lowercase()
    }
}

macro_rules! named {
    ($($kind:ty: $prefix:literal),* $(,)?) => {$(
        impl Named for $kind {
            const PREFIX: &'static str = $prefix;

            fn full_name(self) -> &'static str {
                self.as_str_name()
            }

            fn find(full_name: &str) -> Option<Self> {
                Self::from_str_name(full_name)
            }
        }
    )*};
}

named! {
    Violation: "VIOLATION_",
    BanState: "BAN_STATE_",
    AppealState: "APPEAL_STATE_",
    ReportState: "REPORT_STATE_",
    LogAction: "LOG_ACTION_",
}

/// The value that a column names. None: a later release's.
pub(crate) fn named<E: Named>(name: &str) -> Option<E> {
    E::find(&format!("{}{}", E::PREFIX, name.to_uppercase()))
}

/// As a field of a message; unspecified for a later release's.
pub(crate) fn wire_number<E: Named + Into<i32>>(name: &str) -> i32 {
    named::<E>(name).map_or(0, Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_has_a_name_of_its_own_and_is_found_by_it() {
        for number in 1..=11 {
            let violation = Violation::try_from(number).ok();
            assert_eq!(violation.map(|violation| wire_number::<Violation>(&violation.name())), Some(number));
        }
        assert_eq!(Violation::FalseAlert.name(), "false_alert");
        assert_eq!(wire_number::<Violation>("of a later release"), 0);
    }
}
