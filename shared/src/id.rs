//! Typed ids: a person's id is not an event's. On the wire a plain UUID string, in the database `uuid`.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id. UUIDv7: ids made one after the other lie side by side in an index.
            #[allow(clippy::new_without_default, reason = "every call makes another one")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A person.
    UserId
);
id!(
    /// An event.
    EventId
);
id!(
    /// An invitation to an event.
    InvitationId
);
id!(
    /// A rating.
    RatingId
);
id!(
    /// A crew.
    GroupId
);
id!(
    /// A message of a crew.
    MessageId
);
id!(
    /// A request to join a private crew.
    JoinRequestId
);
id!(
    /// A link into a crew.
    GroupInvitationId
);
id!(
    /// A call for help: a batch of alerts.
    AlertId
);
id!(
    /// A ban.
    BanId
);
id!(
    /// An appeal against a ban.
    AppealId
);
id!(
    /// A report.
    ReportId
);
id!(
    /// An entry of moderation's log.
    LogEntryId
);
