//! An appeal against a ban (M9).

use chrono::{DateTime, Utc};
use crewup_proto::moderation::{self as wire, AppealState};
use crewup_shared::{
    convert::timestamp,
    error::{ErrorReason, Result},
    id::{AppealId, BanId, UserId},
};

use super::{Ban, Named as _, People, wire_number};

/// A row of `appeals`.
#[derive(Clone, Debug)]
pub(crate) struct Appeal {
    pub(crate) id: AppealId,
    pub(crate) ban_id: BanId,
    pub(crate) user_id: UserId,
    /// Empty: wiped (U8).
    pub(crate) body: String,
    pub(crate) state: String,
    pub(crate) answer: Option<String>,
    pub(crate) decided_by: Option<UserId>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) decided_at: Option<DateTime<Utc>>,
}

impl Appeal {
    /// Whether `moderator` may decide it, against `ban`. False: it was decided so by the same one, and stays as it is.
    pub(crate) fn must_be_decidable(&self, ban: &Ban, moderator: UserId, decision: AppealState) -> Result<bool> {
        if self.decided_by == Some(moderator) && self.state == decision.name() {
            return Ok(false);
        }
        if self.state != AppealState::Pending.name() {
            return Err(ErrorReason::AppealDecided.into());
        }
        if ban.was_made_by(moderator) {
            return Err(ErrorReason::SameModerator.into());
        }
        Ok(true)
    }

    /// Everyone whom it names.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        [self.user_id].into_iter().chain(self.decided_by)
    }

    /// For moderators.
    pub(crate) fn to_wire(&self, people: &People) -> wire::Appeal {
        wire::Appeal {
            id: self.id.to_string(),
            ban_id: self.ban_id.to_string(),
            user: Some(people.show(self.user_id)),
            text: self.body.clone(),
            state: wire_number::<AppealState>(&self.state),
            answer: self.answer.clone().unwrap_or_default(),
            decided_by: self.decided_by.map(|id| people.show(id)),
            create_time: Some(timestamp(self.created_at)),
            decide_time: self.decided_at.map(timestamp),
        }
    }

    /// For the banned person.
    pub(crate) fn to_own_wire(&self) -> wire::MyAppeal {
        wire::MyAppeal {
            id: self.id.to_string(),
            text: self.body.clone(),
            state: wire_number::<AppealState>(&self.state),
            answer: self.answer.clone().unwrap_or_default(),
            create_time: Some(timestamp(self.created_at)),
            decide_time: self.decided_at.map(timestamp),
        }
    }
}
