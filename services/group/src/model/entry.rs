//! The timeline of a crew: what happened, in the order of its numbers (C2, G11).

use chrono::{DateTime, Utc};
use crewup_proto::group::{
    self as wire, LeaveCause, MemberDemoted, MemberJoined, MemberLeft, MemberPromoted, MemberRemoved, MemberRole,
    list_messages_request as request, timeline_entry::Content,
};
use crewup_shared::{
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{GroupId, MessageId, UserId},
};

use super::{Message, Person};

/// Where to read from, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The entries just before this number, without it.
    Before(i64),
    /// The entries just after it, without it.
    After(i64),
}

impl Position {
    /// Just before everything that is still to come: the newest entries.
    pub(crate) const END: Self = Self::Before(i64::MAX);

    /// None: the newest entries.
    pub(crate) fn parse(fields: &mut Fields, position: Option<&request::Position>) -> Option<Self> {
        match position? {
            request::Position::BeforeSequence(number) => {
                fields.check("before_sequence", *number >= 1, "must be 1 or more");
                Some(Self::Before(*number))
            }
            request::Position::AfterSequence(number) => {
                fields.check("after_sequence", *number >= 0, "must be 0 or more");
                Some(Self::After(*number))
            }
        }
    }

    /// Refuses a number beyond the crew's newest: the client read it elsewhere.
    pub(crate) fn must_be_in(self, last_sequence: i64) -> Result<()> {
        let inside = match self {
            Self::Before(number) => number <= last_sequence + 1,
            Self::After(number) => number <= last_sequence,
        };
        if inside { Ok(()) } else { Err(ErrorReason::CursorOutOfRange.into()) }
    }
}

/// One row of the timeline: a message, what became of one, or what happened to a member. `user` is the sender, or whom it is
/// about.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) sequence: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) kind: String,
    pub(crate) detail: Option<String>,
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) actor_id: Option<UserId>,
    pub(crate) actor_first_name: Option<String>,
    pub(crate) actor_last_name: Option<String>,
    pub(crate) message_id: Option<MessageId>,
    /// The message's own number, which an edit does not change.
    pub(crate) message_sequence: Option<i64>,
    pub(crate) sent_at: Option<DateTime<Utc>>,
    pub(crate) content: Option<String>,
    pub(crate) is_edited: Option<bool>,
    pub(crate) edited_at: Option<DateTime<Utc>>,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    pub(crate) deleted_as: Option<String>,
}

impl Entry {
    /// For the wire.
    pub(crate) fn to_wire(&self, crew: GroupId) -> Result<wire::TimelineEntry> {
        Ok(wire::TimelineEntry {
            sequence: self.sequence,
            create_time: Some(timestamp(self.created_at)),
            content: Some(self.content(crew)?),
        })
    }

    fn content(&self, crew: GroupId) -> Result<Content> {
        let person = Some(self.person().to_wire());
        let actor = self.actor().map(|actor| actor.to_wire());
        Ok(match self.kind.as_str() {
            "message" => Content::Message(self.message(crew)?.to_wire()),
            "message_edited" => Content::MessageEdited(self.message(crew)?.to_wire()),
            "message_deleted" => Content::MessageDeleted(self.message(crew)?.to_wire()),
            "member_joined" => {
                let role = if self.detail.as_deref() == Some("admin") { MemberRole::Admin } else { MemberRole::Member };
                Content::MemberJoined(MemberJoined { person, role: role.into(), approved_by: actor })
            }
            "member_left" => Content::MemberLeft(MemberLeft { person, cause: self.cause().into() }),
            "member_removed" => Content::MemberRemoved(MemberRemoved { person, removed_by: actor }),
            "member_promoted" => Content::MemberPromoted(MemberPromoted { person, promoted_by: actor }),
            "member_demoted" => Content::MemberDemoted(MemberDemoted { person, demoted_by: actor }),
            other => return Err(Error::internal(format!("unknown kind of entry {other}"))),
        })
    }

    fn cause(&self) -> LeaveCause {
        match self.detail.as_deref() {
            Some("left") => LeaveCause::Left,
            Some("not_going") => LeaveCause::NotGoing,
            _ => LeaveCause::ProfileGone,
        }
    }

    fn person(&self) -> Person {
        Person { id: self.user_id, first_name: self.first_name.clone(), last_name: self.last_name.clone() }
    }

    fn actor(&self) -> Option<Person> {
        Some(Person {
            id: self.actor_id?,
            first_name: self.actor_first_name.clone().unwrap_or_default(),
            last_name: self.actor_last_name.clone().unwrap_or_default(),
        })
    }

    fn message(&self, crew: GroupId) -> Result<Message> {
        Ok(Message {
            id: self.message_id.ok_or_else(|| Error::internal("a message without an id"))?,
            group_id: crew,
            sequence: self.message_sequence.unwrap_or(self.sequence),
            sender_id: self.user_id,
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            content: self.content.clone().unwrap_or_default(),
            is_edited: self.is_edited.unwrap_or_default(),
            sent_at: self.sent_at.unwrap_or(self.created_at),
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            deleted_as: self.deleted_as.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_beyond_the_end_is_refused_and_the_end_itself_is_not() {
        let end = 7;
        for inside in [Position::After(0), Position::After(end), Position::Before(1), Position::Before(end + 1)] {
            assert!(inside.must_be_in(end).is_ok(), "{inside:?}");
        }
        for beyond in [Position::After(end + 1), Position::Before(end + 2), Position::After(i64::MAX)] {
            let reason = beyond.must_be_in(end).err().map(|error| error.reason());
            assert_eq!(reason, Some(ErrorReason::CursorOutOfRange), "{beyond:?}");
        }
    }
}
