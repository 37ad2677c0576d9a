//! The log (M10): ids, codes and times. What was written about a thing is in its own row, where erasure reaches it.

use chrono::{DateTime, Utc};
use crewup_proto::moderation::{self as wire, LogAction, Violation, log_target::Target as Wire};
use crewup_shared::{
    convert::timestamp,
    id::{AppealId, BanId, LogEntryId, ReportId, UserId},
};
use uuid::Uuid;

use super::wire_number;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Ban(BanId),
    Appeal(AppealId),
    Report(ReportId),
}

impl Target {
    /// As in `moderation_log.target_kind`.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Ban(_) => "ban",
            Self::Appeal(_) => "appeal",
            Self::Report(_) => "report",
        }
    }

    pub(crate) const fn id(self) -> Uuid {
        match self {
            Self::Ban(id) => id.0,
            Self::Appeal(id) => id.0,
            Self::Report(id) => id.0,
        }
    }
}

/// What a call did; the same for everything that it did it to.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) actor: UserId,
    pub(crate) action: LogAction,
    pub(crate) at: DateTime<Utc>,
    /// As in the tables.
    pub(crate) state_after: String,
    /// Of the ban, where it is about one.
    pub(crate) expires_before: Option<DateTime<Utc>>,
    /// Of the ban, where it is about one.
    pub(crate) expires_after: Option<DateTime<Utc>>,
    pub(crate) request_id: Option<Uuid>,
}

impl Deed {
    /// Not about a ban, by a call without a request id.
    pub(crate) fn new(actor: UserId, action: LogAction, at: DateTime<Utc>, state_after: String) -> Self {
        Self { actor, action, at, state_after, expires_before: None, expires_after: None, request_id: None }
    }
}

/// One thing to which something was done.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    pub(crate) target: Target,
    pub(crate) person: Option<UserId>,
    /// As in the tables.
    pub(crate) violation: String,
    /// As in the tables. None: it did not exist.
    pub(crate) state_before: Option<String>,
}

/// A row of `moderation_log`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: LogEntryId,
    pub(crate) actor_id: UserId,
    pub(crate) action: String,
    pub(crate) target_kind: String,
    pub(crate) target_id: Uuid,
    pub(crate) target_user_id: Option<UserId>,
    pub(crate) violation: String,
    pub(crate) state_before: Option<String>,
    pub(crate) state_after: String,
    pub(crate) expires_before: Option<DateTime<Utc>>,
    pub(crate) expires_after: Option<DateTime<Utc>>,
    pub(crate) request_id: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
}

impl Entry {
    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::LogEntry {
        let id = self.target_id.to_string();
        let target = match self.target_kind.as_str() {
            "ban" => Some(Wire::BanId(id)),
            "appeal" => Some(Wire::AppealId(id)),
            "report" => Some(Wire::ReportId(id)),
            _ => None,
        };
        wire::LogEntry {
            id: self.id.to_string(),
            actor_id: self.actor_id.to_string(),
            action: wire_number::<LogAction>(&self.action),
            target: Some(wire::LogTarget { target }),
            target_user_id: self.target_user_id.map(|id| id.to_string()).unwrap_or_default(),
            violation: wire_number::<Violation>(&self.violation),
            state_before: self.state_before.as_deref().unwrap_or_default().to_uppercase(),
            state_after: self.state_after.to_uppercase(),
            expire_time_before: self.expires_before.map(timestamp),
            expire_time_after: self.expires_after.map(timestamp),
            request_id: self.request_id.map(|id| id.to_string()).unwrap_or_default(),
            create_time: Some(timestamp(self.created_at)),
        }
    }
}
