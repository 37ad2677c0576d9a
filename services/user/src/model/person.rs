//! A person as others see them (U3).

use chrono::{DateTime, Utc};
use crewup_proto::user as wire;
use crewup_shared::{convert::timestamp, id::UserId};
use rust_decimal::{Decimal, prelude::ToPrimitive as _};

/// A row of `crewup.users_seen_by`.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) bio: Option<String>,
    pub(crate) profile_picture_url: Option<String>,
    pub(crate) interests: Option<Vec<String>>,
    pub(crate) reputation: Decimal,
    pub(crate) rating_count: i32,
    pub(crate) created_at: DateTime<Utc>,
}

impl Person {
    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::User {
        wire::User {
            id: self.id.to_string(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            bio: self.bio.clone().unwrap_or_default(),
            profile_picture_url: self.profile_picture_url.clone().unwrap_or_default(),
            interests: self.interests.clone().unwrap_or_default(),
            reputation: Some(reputation(self.reputation, self.rating_count)),
            create_time: Some(timestamp(self.created_at)),
        }
    }
}

/// What the ratings amount to: without any there is no average, and 0 would be one (R7).
pub(crate) fn reputation(average: Decimal, count: i32) -> wire::Reputation {
    let average = (count > 0).then(|| average.round_dp(2).to_f64()).flatten();
    wire::Reputation { average, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_an_unrated_person_has_no_average() {
        assert_eq!(reputation(Decimal::ZERO, 0), wire::Reputation { average: None, count: 0 });
        assert_eq!(reputation(Decimal::new(433, 2), 3), wire::Reputation { average: Some(4.33), count: 3 });
    }
}
