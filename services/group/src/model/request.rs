//! Requests to join a private crew (G3).

use chrono::{DateTime, Utc};
use crewup_proto::group::{self as wire, JoinRequestState};
use crewup_shared::{
    convert::timestamp,
    error::{ErrorReason, Result},
    id::{GroupId, JoinRequestId, UserId},
};

use super::Person;

/// What became of a request, as in `group_requests.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Approved,
    Rejected,
    Cancelled,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Approved, Self::Rejected, Self::Cancelled];
        all.into_iter().find(|state| state.name() == name)
    }

    fn to_wire(self) -> JoinRequestState {
        match self {
            Self::Pending => JoinRequestState::Pending,
            Self::Approved => JoinRequestState::Approved,
            Self::Rejected => JoinRequestState::Rejected,
            Self::Cancelled => JoinRequestState::Cancelled,
        }
    }
}

/// A row of `group_requests` with the person's name.
#[derive(Clone, Debug)]
pub(crate) struct JoinRequest {
    pub(crate) id: JoinRequestId,
    pub(crate) group_id: GroupId,
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) note: Option<String>,
    pub(crate) state: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) decided_at: Option<DateTime<Utc>>,
}

impl JoinRequest {
    fn state(&self) -> Option<State> {
        State::parse(&self.state)
    }

    /// Whether there is something to decide. False: it is `wanted` already. Right under the crew's lock only.
    pub(crate) fn awaits(&self, wanted: State) -> Result<bool> {
        match self.state() {
            Some(State::Pending) => Ok(true),
            Some(state) if state == wanted => Ok(false),
            _ => Err(ErrorReason::RequestNotPending.into()),
        }
    }

    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::JoinRequest {
        let person =
            Person { id: self.user_id, first_name: self.first_name.clone(), last_name: self.last_name.clone() };
        wire::JoinRequest {
            id: self.id.to_string(),
            group_id: self.group_id.to_string(),
            person: Some(person.to_wire()),
            note: self.note.clone().unwrap_or_default(),
            state: self.state().map_or(JoinRequestState::Unspecified, State::to_wire).into(),
            create_time: Some(timestamp(self.created_at)),
            decide_time: self.decided_at.map(timestamp),
        }
    }
}
