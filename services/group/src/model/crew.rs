//! A crew as one person sees it.

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::group::{self as wire, GroupAction, GroupState, MembershipStatus};
use crewup_shared::{
    convert::timestamp,
    error::{ErrorReason, Result},
    id::{EventId, GroupId, JoinRequestId, UserId},
};

/// How many hours a chat can be written after the event's effective end (C15).
pub(crate) const OPEN_AFTER_END: i32 = 48;
/// And after its cancellation (E16).
pub(crate) const OPEN_AFTER_CANCELLATION: i32 = 72;

/// What decides whether a crew's chat can be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat {
    pub(crate) effective_end: DateTime<Utc>,
    pub(crate) event_cancelled_at: Option<DateTime<Utc>>,
    pub(crate) now: DateTime<Utc>,
}

impl Chat {
    /// From when it can be read only (C15, E16).
    fn closes_at(&self) -> DateTime<Utc> {
        match self.event_cancelled_at {
            Some(cancelled) => cancelled + TimeDelta::hours(OPEN_AFTER_CANCELLATION.into()),
            None => self.effective_end + TimeDelta::hours(OPEN_AFTER_END.into()),
        }
    }

    /// C15.
    pub(crate) fn must_be_open(&self) -> Result<()> {
        if self.now < self.closes_at() { Ok(()) } else { Err(ErrorReason::ChatClosed.into()) }
    }
}

/// A person as a crew shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

impl Person {
    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::Person {
        wire::Person {
            user_id: self.id.to_string(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
        }
    }
}

/// What making a crew needs to know of its event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostEvent {
    pub(crate) is_cancelled: bool,
    pub(crate) is_over: bool,
    pub(crate) i_am_going: bool,
}

impl HostEvent {
    /// G1, E16.
    pub(crate) fn must_take_crews(&self) -> Result<()> {
        if self.is_cancelled {
            return Err(ErrorReason::EventCancelled.into());
        }
        if self.is_over {
            return Err(ErrorReason::EventOver.into());
        }
        if self.i_am_going { Ok(()) } else { Err(ErrorReason::NotAttending.into()) }
    }
}

/// A row of `crewup.crews_seen_by`: the crew, its counters, its event's times, and what the viewer is to it.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    pub(crate) id: GroupId,
    pub(crate) event_id: EventId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) max_members: i32,
    pub(crate) is_private: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) archived_at: Option<DateTime<Utc>>,
    pub(crate) archived_by: Option<UserId>,
    pub(crate) revision: i64,
    pub(crate) capacity: i32,
    pub(crate) members: i32,
    pub(crate) last_sequence: i64,
    pub(crate) effective_end: DateTime<Utc>,
    pub(crate) event_cancelled_at: Option<DateTime<Utc>>,
    /// Longest-standing first; so the names.
    pub(crate) admin_ids: Option<Vec<UserId>>,
    pub(crate) admin_first_names: Option<Vec<String>>,
    pub(crate) admin_last_names: Option<Vec<String>>,
    pub(crate) my_joined_at: Option<DateTime<Utc>>,
    pub(crate) my_is_admin: bool,
    pub(crate) my_ban_at: Option<DateTime<Utc>>,
    pub(crate) my_request_id: Option<JoinRequestId>,
    pub(crate) my_read_sequence: Option<i64>,
    /// Not counted where the crew is held for a write.
    pub(crate) my_unread: Option<i32>,
    pub(crate) i_am_going: bool,
    pub(crate) now: DateTime<Utc>,
}

impl Crew {
    /// G6, G10.
    pub(crate) fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }

    /// Whether the viewer is a member.
    pub(crate) fn i_am_member(&self) -> bool {
        self.my_joined_at.is_some()
    }

    /// Who leads it, longest-standing first.
    pub(crate) fn admins(&self) -> &[UserId] {
        self.admin_ids.as_deref().unwrap_or_default()
    }

    fn chat(&self) -> Chat {
        let &Self { effective_end, event_cancelled_at, now, .. } = self;
        Chat { effective_end, event_cancelled_at, now }
    }

    /// From when the chat can be read only (C15, E16).
    pub(crate) fn chat_closes_at(&self) -> DateTime<Utc> {
        self.chat().closes_at()
    }

    /// C15.
    pub(crate) fn must_be_open(&self) -> Result<()> {
        self.chat().must_be_open()
    }

    /// Whether the viewer may become a member at all, in whatever way (G2, G8, E16). A place is another question: a full
    /// crew can be asked.
    pub(crate) fn must_admit(&self) -> Result<()> {
        if self.is_archived() {
            return Err(ErrorReason::GroupArchived.into());
        }
        if self.my_ban_at.is_some() {
            return Err(ErrorReason::CrewBanned.into());
        }
        self.must_take_place()?;
        if self.i_am_going { Ok(()) } else { Err(ErrorReason::NotAttending.into()) }
    }

    /// E16.
    pub(crate) fn must_take_place(&self) -> Result<()> {
        if self.event_cancelled_at.is_some() { Err(ErrorReason::EventCancelled.into()) } else { Ok(()) }
    }

    /// G2. Right under the crew's lock only.
    pub(crate) fn must_have_a_place(&self) -> Result<()> {
        if self.members < self.capacity { Ok(()) } else { Err(ErrorReason::GroupFull.into()) }
    }

    /// What tells one edit by a person from the next (E6).
    pub(crate) fn etag(&self) -> String {
        format!("r{}", self.revision)
    }

    fn status(&self) -> MembershipStatus {
        if self.i_am_member() {
            return if self.my_is_admin { MembershipStatus::Admin } else { MembershipStatus::Member };
        }
        match (self.my_ban_at, self.my_request_id) {
            (Some(_), _) => MembershipStatus::Banned,
            (None, Some(_)) => MembershipStatus::Pending,
            (None, None) => MembershipStatus::None,
        }
    }

    /// What the viewer may do now.
    fn allowed_actions(&self) -> Vec<i32> {
        let mut actions = Vec::new();
        if self.my_is_admin {
            actions.extend([GroupAction::Update, GroupAction::Delete]);
        }
        if self.i_am_member() {
            actions.extend([GroupAction::Leave, GroupAction::Read]);
            if self.must_be_open().is_ok() {
                actions.push(GroupAction::Write);
            }
        } else {
            if self.my_request_id.is_some() {
                actions.push(GroupAction::CancelRequest);
            }
            if self.must_admit().is_ok() {
                if !self.is_private && self.must_have_a_place().is_ok() {
                    actions.push(GroupAction::Join);
                }
                if self.is_private && self.my_request_id.is_none() {
                    actions.push(GroupAction::RequestToJoin);
                }
            }
        }
        if self.my_is_admin {
            actions.push(GroupAction::ManageMembers);
            if self.must_take_place().is_ok() {
                actions.push(GroupAction::Invite);
            }
        }
        actions.into_iter().map(i32::from).collect()
    }

    fn admins_to_wire(&self) -> Vec<wire::Person> {
        let first = self.admin_first_names.as_deref().unwrap_or_default();
        let last = self.admin_last_names.as_deref().unwrap_or_default();
        let people = self.admins().iter().zip(first).zip(last).map(|((id, first), last)| wire::Person {
            user_id: id.to_string(),
            first_name: first.clone(),
            last_name: last.clone(),
        });
        people.collect()
    }

    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::Group {
        let state = if self.is_archived() { GroupState::Archived } else { GroupState::Active };
        wire::Group {
            id: self.id.to_string(),
            event_id: self.event_id.to_string(),
            name: self.name.clone(),
            description: self.description.clone().unwrap_or_default(),
            max_members: Some(self.max_members),
            is_private: Some(self.is_private),
            state: state.into(),
            create_time: Some(timestamp(self.created_at)),
            update_time: Some(timestamp(self.updated_at)),
            archive_time: self.archived_at.map(timestamp),
            etag: self.etag(),
            member_count: self.members,
            admins: self.admins_to_wire(),
            my_membership: Some(wire::Membership {
                status: self.status().into(),
                join_time: self.my_joined_at.map(timestamp),
                join_request_id: self.my_request_id.map(|id| id.to_string()).unwrap_or_default(),
                read_sequence: self.my_read_sequence,
            }),
            unread_count: self.my_unread,
            last_sequence: self.i_am_member().then_some(self.last_sequence),
            chat_close_time: Some(timestamp(self.chat_closes_at())),
            allowed_actions: self.allowed_actions(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A crew of two for ten, of an event that ends in a day, as somebody who is going sees it.
    pub(crate) fn crew() -> Crew {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        Crew {
            id: GroupId::new(),
            event_id: EventId::new(),
            name: "Night owls".into(),
            description: None,
            max_members: 10,
            is_private: false,
            created_at: now,
            updated_at: now,
            archived_at: None,
            archived_by: None,
            revision: 1,
            capacity: 10,
            members: 2,
            last_sequence: 2,
            effective_end: now + TimeDelta::days(1),
            event_cancelled_at: None,
            admin_ids: Some(vec![UserId::new()]),
            admin_first_names: Some(vec!["First".into()]),
            admin_last_names: Some(vec!["Last".into()]),
            my_joined_at: None,
            my_is_admin: false,
            my_ban_at: None,
            my_request_id: None,
            my_read_sequence: None,
            my_unread: None,
            i_am_going: true,
            now,
        }
    }

    #[test]
    fn g2_each_reason_to_refuse_a_newcomer_comes_before_the_next() {
        let now = crew().now;
        let mut refused = Crew {
            archived_at: Some(now),
            my_ban_at: Some(now),
            event_cancelled_at: Some(now),
            i_am_going: false,
            ..crew()
        };
        let mut reasons = Vec::new();
        reasons.extend(refused.must_admit().map_err(|error| error.reason()).err());
        refused.archived_at = None;
        reasons.extend(refused.must_admit().map_err(|error| error.reason()).err());
        refused.my_ban_at = None;
        reasons.extend(refused.must_admit().map_err(|error| error.reason()).err());
        refused.event_cancelled_at = None;
        reasons.extend(refused.must_admit().map_err(|error| error.reason()).err());
        let expected = [
            ErrorReason::GroupArchived,
            ErrorReason::CrewBanned,
            ErrorReason::EventCancelled,
            ErrorReason::NotAttending,
        ];
        assert_eq!(reasons, expected);
        assert!(crew().must_admit().is_ok());
    }

    #[test]
    fn c15_the_chat_closes_48_hours_after_the_end_or_72_after_the_cancellation() {
        let open = crew();
        assert_eq!(open.chat_closes_at(), open.effective_end + TimeDelta::hours(48));
        let cancelled = Crew { event_cancelled_at: Some(open.now), ..crew() };
        assert_eq!(cancelled.chat_closes_at(), open.now + TimeDelta::hours(72));
        let edge = Crew { now: open.chat_closes_at(), ..crew() };
        assert!(edge.must_be_open().is_err() && open.must_be_open().is_ok());
    }

    #[test]
    fn what_one_may_do_follows_from_what_one_is() {
        let actions = |crew: Crew| -> Vec<_> {
            crew.allowed_actions().into_iter().filter_map(|action| GroupAction::try_from(action).ok()).collect()
        };
        let now = crew().now;
        let request = Some(JoinRequestId::new());
        let cancelled = Some(now - TimeDelta::hours(73));
        assert_eq!(actions(crew()), [GroupAction::Join]);
        assert_eq!(actions(Crew { members: 10, ..crew() }), []);
        assert_eq!(actions(Crew { i_am_going: false, ..crew() }), []);
        assert_eq!(actions(Crew { my_ban_at: Some(now), ..crew() }), []);
        assert_eq!(actions(Crew { is_private: true, members: 10, ..crew() }), [GroupAction::RequestToJoin]);
        assert_eq!(actions(Crew { is_private: true, my_request_id: request, ..crew() }), [GroupAction::CancelRequest]);
        let member = Crew { my_joined_at: Some(now), ..crew() };
        assert_eq!(actions(member.clone()), [GroupAction::Leave, GroupAction::Read, GroupAction::Write]);
        assert_eq!(
            actions(Crew { my_is_admin: true, event_cancelled_at: cancelled, ..member }),
            [
                GroupAction::Update,
                GroupAction::Delete,
                GroupAction::Leave,
                GroupAction::Read,
                GroupAction::ManageMembers
            ]
        );
    }
}
