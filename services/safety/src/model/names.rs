//! The names that the database's checks know, and the contract's enums.

use crewup_proto::safety::{AcknowledgementType, AlertState, AlertType, RecipientKind, ResolverKind};

/// Whether an alert calls for help, as in `alert_batches.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Resolved,
    Expired,
}

impl State {
    const ALL: [Self; 3] = [Self::Active, Self::Resolved, Self::Expired];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    pub(crate) const fn from_wire(state: AlertState) -> Option<Self> {
        match state {
            AlertState::Unspecified => None,
            AlertState::Active => Some(Self::Active),
            AlertState::Resolved => Some(Self::Resolved),
            AlertState::Expired => Some(Self::Expired),
        }
    }

    pub(crate) const fn to_wire(self) -> AlertState {
        match self {
            Self::Active => AlertState::Active,
            Self::Resolved => AlertState::Resolved,
            Self::Expired => AlertState::Expired,
        }
    }
}

/// A recipient's answer, as in `alert_recipients.answer` (S6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Seen,
    OnMyWay,
    WithPerson,
    CannotHelp,
}

impl Answer {
    const ALL: [Self; 4] = [Self::Seen, Self::OnMyWay, Self::WithPerson, Self::CannotHelp];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::OnMyWay => "on_my_way",
            Self::WithPerson => "with_person",
            Self::CannotHelp => "cannot_help",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.name() == name)
    }

    pub(crate) const fn from_wire(answer: AcknowledgementType) -> Option<Self> {
        match answer {
            AcknowledgementType::Unspecified => None,
            AcknowledgementType::Seen => Some(Self::Seen),
            AcknowledgementType::OnMyWay => Some(Self::OnMyWay),
            AcknowledgementType::WithPerson => Some(Self::WithPerson),
            AcknowledgementType::CannotHelp => Some(Self::CannotHelp),
        }
    }

    pub(crate) const fn to_wire(self) -> AcknowledgementType {
        match self {
            Self::Seen => AcknowledgementType::Seen,
            Self::OnMyWay => AcknowledgementType::OnMyWay,
            Self::WithPerson => AcknowledgementType::WithPerson,
            Self::CannotHelp => AcknowledgementType::CannotHelp,
        }
    }

    /// Whether somebody is helping, so that nobody else need be called (S7).
    pub(crate) const fn stops_escalation(self) -> bool {
        matches!(self, Self::OnMyWay | Self::WithPerson)
    }
}

/// In which role an alert was resolved, as in `alert_batches.resolved_as` (S9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolver {
    Sender,
    CrewAdmin,
    Moderator,
}

impl Resolver {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::CrewAdmin => "crew_admin",
            Self::Moderator => "moderator",
        }
    }
}

/// For the wire.
pub(crate) fn resolver_to_wire(name: &str) -> ResolverKind {
    match name {
        "sender" => ResolverKind::Sender,
        "crew_admin" => ResolverKind::CrewAdmin,
        "moderator" => ResolverKind::Moderator,
        _ => ResolverKind::Unspecified,
    }
}

/// For the wire.
pub(crate) fn kind_to_wire(name: &str) -> RecipientKind {
    match name {
        "crew" => RecipientKind::Crew,
        "host" => RecipientKind::Host,
        "moderator" => RecipientKind::Moderator,
        _ => RecipientKind::Unspecified,
    }
}

/// The type's name in `safety_alerts.alert_type`: the enum's without the prefix, in lower case.
pub(crate) fn type_name(kind: AlertType) -> String {
    kind.as_str_name().trim_start_matches("ALERT_TYPE_").to_lowercase()
}

/// The enum's value for a name in `safety_alerts.alert_type`.
pub(crate) fn type_from_name(name: &str) -> AlertType {
    AlertType::from_str_name(&format!("ALERT_TYPE_{}", name.to_uppercase())).unwrap_or(AlertType::Unspecified)
}
