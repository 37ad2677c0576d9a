//! People as moderation shows them.

use std::collections::HashMap;

use crewup_proto::moderation::Person;
use crewup_shared::id::UserId;

/// Names by id.
#[derive(Debug, Default)]
pub(crate) struct People(pub(crate) HashMap<UserId, (String, String)>);

impl People {
    /// For the wire.
    pub(crate) fn show(&self, id: UserId) -> Person {
        let (first_name, last_name) = self.0.get(&id).cloned().unwrap_or_default();
        Person { user_id: id.to_string(), first_name, last_name }
    }
}
