//! Messages: who may change one, until when, and how often one may send (C8, C9, C13).

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::group::{self as wire, MessageDeleter};
use crewup_shared::{
    app::Caller,
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    id::{GroupId, MessageId, UserId},
};

use super::{Chat, Crew, Person};

/// How long an author can change a message (C8).
const EDITABLE: TimeDelta = TimeDelta::minutes(15);
/// At most so many messages of one sender in one crew (C13)...
pub(crate) const RATE_COUNT: i64 = 20;
/// ...in so many seconds.
pub(crate) const RATE_SECONDS: i32 = 10;

/// A message with its sender's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) group_id: GroupId,
    pub(crate) sequence: i64,
    pub(crate) sender_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) content: String,
    pub(crate) is_edited: bool,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) edited_at: Option<DateTime<Utc>>,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    pub(crate) deleted_as: Option<String>,
}

/// A message that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) id: MessageId,
    pub(crate) group_id: GroupId,
    pub(crate) sender_id: UserId,
    pub(crate) content: String,
}

/// What decides whether a member may send to a crew.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) chat: Chat,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    /// Who sent too many: when the oldest of them no longer counts.
    pub(crate) free_at: Option<DateTime<Utc>>,
    /// Whether the crew's row of counters is held. Not: somebody else holds it, and to send is to wait.
    pub(crate) is_held: bool,
}

impl Sender {
    /// C13, C15.
    pub(crate) fn must_be_free(&self, now: DateTime<Utc>) -> Result<()> {
        self.chat.must_be_open()?;
        match self.free_at {
            Some(free_at) => {
                let wait = (free_at - now).to_std().unwrap_or_default();
                Err(Error::from(ErrorReason::RateLimited).retry_after(wait))
            }
            None => Ok(()),
        }
    }

    /// The message that became of a new.
    pub(crate) fn sent(self, new: NewMessage, sequence: i64, now: DateTime<Utc>) -> Message {
        Message {
            id: new.id,
            group_id: new.group_id,
            sequence,
            sender_id: new.sender_id,
            first_name: self.first_name,
            last_name: self.last_name,
            content: new.content,
            is_edited: false,
            sent_at: now,
            edited_at: None,
            deleted_at: None,
            deleted_as: None,
        }
    }
}

/// In which role a message is deleted (C9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleter {
    Author,
    CrewAdmin,
    Moderator,
}

impl Deleter {
    /// As in `messages.deleted_as`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::CrewAdmin => "crew_admin",
            Self::Moderator => "moderator",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Author, Self::CrewAdmin, Self::Moderator].into_iter().find(|deleter| deleter.name() == name)
    }

    fn to_wire(self) -> MessageDeleter {
        match self {
            Self::Author => MessageDeleter::Author,
            Self::CrewAdmin => MessageDeleter::CrewAdmin,
            Self::Moderator => MessageDeleter::Moderator,
        }
    }
}

impl Message {
    /// Whether it is a tombstone (C9).
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Whether its author may give it another content at `now` (C8).
    pub(crate) fn must_be_editable(&self, now: DateTime<Utc>) -> Result<()> {
        if now < self.sent_at + EDITABLE { Ok(()) } else { Err(ErrorReason::EditWindowOver.into()) }
    }

    /// In which role the caller may delete it (C9). Who is no member does not see it.
    pub(crate) fn deleter(&self, crew: &Crew, caller: &Caller, is_moderator: bool) -> Result<Deleter> {
        if self.sender_id == caller.id {
            return Ok(Deleter::Author);
        }
        if crew.my_is_admin {
            return Ok(Deleter::CrewAdmin);
        }
        if is_moderator {
            return Ok(Deleter::Moderator);
        }
        Err(if crew.i_am_member() { ErrorReason::NotOwner } else { ErrorReason::NotFound }.into())
    }

    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::Message {
        let sender =
            Person { id: self.sender_id, first_name: self.first_name.clone(), last_name: self.last_name.clone() };
        let deleter = self.deleted_as.as_deref().and_then(Deleter::parse);
        wire::Message {
            id: self.id.to_string(),
            group_id: self.group_id.to_string(),
            sequence: self.sequence,
            sender: Some(sender.to_wire()),
            content: self.content.clone(),
            is_edited: self.is_edited,
            send_time: Some(timestamp(self.sent_at)),
            edit_time: self.edited_at.map(timestamp),
            edit_end_time: Some(timestamp(self.sent_at + EDITABLE)),
            delete_time: self.deleted_at.map(timestamp),
            deleter: deleter.map_or(MessageDeleter::Unspecified, Deleter::to_wire).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crewup_proto::call::Standing;
    use crewup_shared::auth::Role;

    use super::{super::crew::tests::crew, *};

    fn message(sender: UserId) -> Message {
        Message {
            id: MessageId::new(),
            group_id: crew().id,
            sequence: 3,
            sender_id: sender,
            first_name: String::new(),
            last_name: String::new(),
            content: "hi".into(),
            is_edited: false,
            sent_at: crew().now,
            edited_at: None,
            deleted_at: None,
            deleted_as: None,
        }
    }

    #[test]
    fn c8_a_message_is_editable_for_15_minutes() {
        let sent = message(UserId::new());
        assert!(sent.must_be_editable(sent.sent_at + EDITABLE - TimeDelta::microseconds(1)).is_ok());
        assert!(sent.must_be_editable(sent.sent_at + EDITABLE).is_err());
    }

    #[test]
    fn c9_the_first_role_that_may_delete_is_the_one_that_is_told() {
        let caller = Caller { id: UserId::new(), role: Role::Person, standing: Standing::Active };
        let (mine, theirs) = (message(caller.id), message(UserId::new()));
        let outsider = crew();
        let member = Crew { my_joined_at: Some(crew().now), ..crew() };
        let admin = Crew { my_is_admin: true, ..member.clone() };
        assert_eq!(mine.deleter(&outsider, &caller, false).ok(), Some(Deleter::Author), "also after leaving");
        assert_eq!(mine.deleter(&admin, &caller, true).ok(), Some(Deleter::Author));
        assert_eq!(theirs.deleter(&admin, &caller, true).ok(), Some(Deleter::CrewAdmin));
        assert_eq!(theirs.deleter(&outsider, &caller, true).ok(), Some(Deleter::Moderator));
        let refusal = |crew: &Crew| theirs.deleter(crew, &caller, false).err().map(|error| error.reason());
        assert_eq!(refusal(&member), Some(ErrorReason::NotOwner));
        assert_eq!(refusal(&outsider), Some(ErrorReason::NotFound));
    }
}
