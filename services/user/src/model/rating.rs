//! Who may rate whom, for what and when (R1-R4).

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::user as wire;
use crewup_shared::{
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{EventId, RatingId, UserId},
};

/// For how many days after its effective end an event can be rated (R3).
pub(crate) const OPEN_DAYS: i32 = 14;
const WINDOW: TimeDelta = TimeDelta::days(OPEN_DAYS as i64);
const LONGEST_COMMENT: usize = 1000;

/// A new rating as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) rated: UserId,
    pub(crate) event: EventId,
    pub(crate) rating: i32,
    pub(crate) comment: Option<String>,
}

impl Draft {
    /// R1.
    pub(crate) fn parse(fields: &mut Fields, req: &wire::CreateRatingRequest) -> Self {
        fields.check("rating", (1..=5).contains(&req.rating), "must be 1 to 5");
        Self {
            rated: fields.id("rated_user_id", &req.rated_user_id),
            event: fields.id("event_id", &req.event_id),
            rating: req.rating,
            comment: fields.text("comment", &req.comment, LONGEST_COMMENT),
        }
    }

    /// R1.
    pub(crate) fn must_be_of_another(&self, rater: UserId) -> Result<()> {
        if self.rated == rater {
            return Err(Error::field(ErrorReason::SelfNotAllowed, "rated_user_id", "is the caller's own"));
        }
        Ok(())
    }
}

/// An event with what the caller and the other one have to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) effective_end: DateTime<Utc>,
    pub(crate) is_cancelled: bool,
    pub(crate) is_public: bool,
    pub(crate) is_mine: bool,
    pub(crate) i_went: bool,
    pub(crate) they_went: bool,
    /// Whether the caller may see the other one.
    pub(crate) they_are_seen: bool,
}

impl Shared {
    /// Whether the caller may rate the other one at `now` (R2, R3). A person hidden from the caller, who was not with
    /// them, is as one who does not exist; one who was stays ratable, whatever came afterwards.
    pub(crate) fn must_be_ratable(&self, now: DateTime<Utc>) -> Result<()> {
        let both_went = self.i_went && self.they_went;
        let event_seen = self.is_public || self.is_mine || self.i_went;
        let reason = if !event_seen || !(both_went || self.they_are_seen) {
            ErrorReason::NotFound
        } else if self.is_cancelled {
            ErrorReason::EventCancelled
        } else if now < self.effective_end {
            ErrorReason::RatingNotOpen
        } else if is_closed(self.effective_end, now) {
            ErrorReason::RatingClosed
        } else if !both_went {
            ErrorReason::NotBothAttended
        } else {
            return Ok(());
        };
        Err(reason.into())
    }
}

/// A row of `ratings`.
#[derive(Clone, Debug)]
pub(crate) struct Rating {
    pub(crate) id: RatingId,
    pub(crate) rated_user_id: UserId,
    pub(crate) rater_user_id: UserId,
    pub(crate) event_id: EventId,
    pub(crate) rating: i32,
    pub(crate) comment: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    /// None: the event was deleted.
    pub(crate) effective_end: Option<DateTime<Utc>>,
    /// Whether the viewer finds it in the list of the rated person's ratings.
    pub(crate) is_seen: bool,
}

impl Rating {
    /// Whether its author may still take it back at `now` (R3).
    pub(crate) fn must_be_open(&self, now: DateTime<Utc>) -> Result<()> {
        match self.effective_end {
            Some(end) if !is_closed(end, now) => Ok(()),
            _ => Err(ErrorReason::RatingClosed.into()),
        }
    }

    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::Rating {
        wire::Rating {
            id: self.id.to_string(),
            rated_user_id: self.rated_user_id.to_string(),
            rater_user_id: self.rater_user_id.to_string(),
            event_id: self.event_id.to_string(),
            rating: self.rating,
            comment: self.comment.clone().unwrap_or_default(),
            create_time: Some(timestamp(self.created_at)),
        }
    }
}

/// Somebody who was at an event with the caller and is not rated yet.
#[derive(Clone, Debug)]
pub(crate) struct Ratable {
    pub(crate) event_id: EventId,
    pub(crate) event_name: String,
    pub(crate) effective_end: DateTime<Utc>,
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

impl Ratable {
    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::RatableUser {
        wire::RatableUser {
            event_id: self.event_id.to_string(),
            event_name: self.event_name.clone(),
            user_id: self.user_id.to_string(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            deadline: Some(timestamp(self.effective_end + WINDOW)),
        }
    }
}

fn is_closed(effective_end: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now >= effective_end + WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn shared() -> Shared {
        Shared {
            effective_end: END,
            is_cancelled: false,
            is_public: true,
            is_mine: false,
            i_went: true,
            they_went: true,
            they_are_seen: true,
        }
    }

    fn answer(shared: &Shared, after_end: TimeDelta) -> Option<ErrorReason> {
        shared.must_be_ratable(END + after_end).err().map(|error| error.reason())
    }

    #[test]
    fn r3_ratings_open_at_the_end_and_close_after_14_days() {
        let moment = TimeDelta::seconds(1);
        assert_eq!(answer(&shared(), -moment), Some(ErrorReason::RatingNotOpen));
        assert_eq!(answer(&shared(), TimeDelta::zero()), None);
        assert_eq!(answer(&shared(), WINDOW - moment), None);
        assert_eq!(answer(&shared(), WINDOW), Some(ErrorReason::RatingClosed));
        assert_eq!(answer(&Shared { is_cancelled: true, ..shared() }, moment), Some(ErrorReason::EventCancelled));
    }

    #[test]
    fn r2_both_must_have_gone() {
        let moment = TimeDelta::seconds(1);
        for (i_went, they_went) in [(true, false), (false, true), (false, false)] {
            let apart = Shared { i_went, they_went, ..shared() };
            assert_eq!(answer(&apart, moment), Some(ErrorReason::NotBothAttended));
        }
    }

    #[test]
    fn r2_who_was_hidden_afterwards_stays_ratable() {
        let hidden = Shared { they_are_seen: false, ..shared() };
        assert_eq!(answer(&hidden, TimeDelta::seconds(1)), None);
    }

    #[test]
    fn x2_a_hidden_person_or_event_is_as_none_at_any_time() {
        for after_end in [-TimeDelta::hours(1), TimeDelta::hours(1), TimeDelta::days(30)] {
            let stranger = Shared { they_are_seen: false, they_went: false, ..shared() };
            assert_eq!(answer(&stranger, after_end), Some(ErrorReason::NotFound));
            let outsider = Shared { is_public: false, i_went: false, ..shared() };
            assert_eq!(answer(&outsider, after_end), Some(ErrorReason::NotFound));
        }
    }

    #[test]
    fn r3_an_author_can_take_a_rating_back_until_it_closes() {
        let rating = |effective_end| Rating {
            id: RatingId::new(),
            rated_user_id: UserId::new(),
            rater_user_id: UserId::new(),
            event_id: EventId::new(),
            rating: 5,
            comment: None,
            created_at: END,
            effective_end,
            is_seen: true,
        };
        assert!(rating(Some(END)).must_be_open(END + TimeDelta::days(13)).is_ok());
        assert!(rating(Some(END)).must_be_open(END + WINDOW).is_err());
        assert!(rating(None).must_be_open(END).is_err());
    }

    #[test]
    fn r1_one_to_five_and_not_oneself() {
        let me = UserId::new();
        for (rating, right) in [(0, false), (1, true), (5, true), (6, false), (-1, false)] {
            let mut fields = Fields::new();
            let id = me.to_string();
            let req =
                wire::CreateRatingRequest { rated_user_id: id.clone(), event_id: id, rating, ..Default::default() };
            let draft = Draft::parse(&mut fields, &req);
            assert_eq!(fields.done().is_ok(), right, "{rating}");
            assert!(draft.must_be_of_another(me).is_err() && draft.must_be_of_another(UserId::new()).is_ok());
        }
    }
}
