//! The names that the database's checks know, and the contract's enums.

use crewup_proto::event::{AttendanceStatus, EventType};

/// A person's answer, as in `event_attendees.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Going,
    Interested,
    NotGoing,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Going => "going",
            Self::Interested => "interested",
            Self::NotGoing => "not_going",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Going, Self::Interested, Self::NotGoing].into_iter().find(|status| status.name() == name)
    }

    pub(crate) fn from_wire(status: AttendanceStatus) -> Option<Self> {
        match status {
            AttendanceStatus::Unspecified => None,
            AttendanceStatus::Going => Some(Self::Going),
            AttendanceStatus::Interested => Some(Self::Interested),
            AttendanceStatus::NotGoing => Some(Self::NotGoing),
        }
    }

    pub(crate) fn to_wire(self) -> AttendanceStatus {
        match self {
            Self::Going => AttendanceStatus::Going,
            Self::Interested => AttendanceStatus::Interested,
            Self::NotGoing => AttendanceStatus::NotGoing,
        }
    }
}

/// The type's name in `events.event_type`: the enum's without the prefix, in lower case.
pub(crate) fn type_name(kind: EventType) -> String {
    kind.as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase()
}

/// The enum's value for a name in `events.event_type`; an adopted row may have none.
pub(crate) fn type_from_name(name: Option<&str>) -> EventType {
    let full = format!("EVENT_TYPE_{}", name.unwrap_or_default().to_uppercase());
    EventType::from_str_name(&full).unwrap_or(EventType::Unspecified)
}
