//! A report, and in whose hand it is (M6, M7).

use chrono::{DateTime, Utc};
use crewup_proto::moderation::{self as wire, ReportState, Violation};
use crewup_shared::{
    convert::timestamp,
    error::{ErrorReason, Result},
    id::{ReportId, UserId},
};
use uuid::Uuid;

use super::{Named as _, Object, People, wire_number};

/// A row of `reports`, without who reported: no handler can show what it does not have (M6).
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) id: ReportId,
    pub(crate) object_kind: String,
    pub(crate) object_id: Uuid,
    pub(crate) owner_id: Option<UserId>,
    pub(crate) violation: String,
    /// None: nothing was written, or it was wiped (U8).
    pub(crate) body: Option<String>,
    /// Empty: wiped (U8).
    pub(crate) snapshot: String,
    pub(crate) state: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) claimed_by: Option<UserId>,
    pub(crate) claimed_at: Option<DateTime<Utc>>,
    pub(crate) closed_by: Option<UserId>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) note: Option<String>,
    /// Reports of the same object that are not closed.
    pub(crate) open_count: i32,
}

/// What a call does with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is so already, by the same moderator.
    Unchanged,
    /// It does it.
    Changed,
}

impl Report {
    /// What it is about. None: of a later release.
    pub(crate) fn object(&self) -> Option<Object> {
        Object::from_columns(&self.object_kind, self.object_id)
    }

    /// ClaimReport by `moderator`.
    pub(crate) fn claim(&self, moderator: UserId) -> Result<Outcome> {
        if self.closed_at.is_some() {
            return Err(ErrorReason::ReportClosed.into());
        }
        match self.claimed_by {
            None => Ok(Outcome::Changed),
            Some(holder) if holder == moderator => Ok(Outcome::Unchanged),
            Some(_) => Err(ErrorReason::ReportClaimed.into()),
        }
    }

    /// ResolveReport as `state` by `moderator`.
    pub(crate) fn resolve(&self, moderator: UserId, state: ReportState) -> Result<Outcome> {
        if self.closed_at.is_some() {
            let same = self.closed_by == Some(moderator) && self.state == state.name();
            return if same { Ok(Outcome::Unchanged) } else { Err(ErrorReason::ReportClosed.into()) };
        }
        match self.claimed_by {
            Some(holder) if holder != moderator => Err(ErrorReason::ReportClaimed.into()),
            _ => Ok(Outcome::Changed),
        }
    }

    /// Everyone whom it names.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        self.owner_id.into_iter().chain(self.claimed_by).chain(self.closed_by)
    }

    /// For moderators.
    pub(crate) fn to_wire(&self, people: &People) -> wire::Report {
        wire::Report {
            id: self.id.to_string(),
            object: self.object().map(Object::to_wire),
            owner: self.owner_id.map(|id| people.show(id)),
            violation: wire_number::<Violation>(&self.violation),
            text: self.body.clone().unwrap_or_default(),
            snapshot: self.snapshot.clone(),
            state: wire_number::<ReportState>(&self.state),
            open_count: self.open_count,
            create_time: Some(timestamp(self.created_at)),
            claimed_by: self.claimed_by.map(|id| people.show(id)),
            claim_time: self.claimed_at.map(timestamp),
            closed_by: self.closed_by.map(|id| people.show(id)),
            close_time: self.closed_at.map(timestamp),
            internal_note: self.note.clone().unwrap_or_default(),
        }
    }

    /// For whoever made it.
    pub(crate) fn to_own_wire(&self) -> wire::MyReport {
        wire::MyReport {
            id: self.id.to_string(),
            object: self.object().map(Object::to_wire),
            violation: wire_number::<Violation>(&self.violation),
            create_time: Some(timestamp(self.created_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: &str, claimed_by: Option<UserId>, closed_by: Option<UserId>) -> Report {
        let at = DateTime::UNIX_EPOCH;
        Report {
            id: ReportId::new(),
            object_kind: "user".into(),
            object_id: Uuid::now_v7(),
            owner_id: None,
            violation: "spam".into(),
            body: None,
            snapshot: String::new(),
            state: state.into(),
            created_at: at,
            claimed_by,
            claimed_at: claimed_by.map(|_| at),
            closed_by,
            closed_at: closed_by.map(|_| at),
            note: None,
            open_count: 1,
        }
    }

    #[test]
    fn m7_what_nobody_or_the_moderator_holds_is_claimed_and_resolved_and_what_is_closed_stays() {
        let (me, other) = (UserId::new(), UserId::new());
        let reason = |outcome: Result<Outcome>| outcome.map_err(|error| error.reason());
        let (changed, unchanged) = (Ok(Outcome::Changed), Ok(Outcome::Unchanged));
        let (held, closed) = (Err(ErrorReason::ReportClaimed), Err(ErrorReason::ReportClosed));
        for (report, claim, resolve) in [
            (report("open", None, None), changed, changed),
            (report("claimed", Some(me), None), unchanged, changed),
            (report("claimed", Some(other), None), held, held),
            (report("resolved", Some(me), Some(me)), closed, unchanged),
            (report("dismissed", Some(me), Some(me)), closed, closed),
            (report("resolved", None, Some(other)), closed, closed),
        ] {
            assert_eq!(reason(report.claim(me)), claim, "{report:?}");
            assert_eq!(reason(report.resolve(me, ReportState::Resolved)), resolve, "{report:?}");
        }
    }
}
