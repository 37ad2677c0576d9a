//! Why a membership ends, and what becomes of the crew (G6).

use crewup_proto::call::Standing;
use crewup_shared::id::UserId;

use super::Crew;

/// Why a membership ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The member left.
    Left,
    /// An admin removed the member, with a crew ban or without (G8).
    Removed(UserId),
    /// The member is no longer going to the event (G9).
    NotGoing,
    /// The platform banned the member (M5). Kept apart: such a membership still counts for an alert (S1).
    Banned,
    /// The member put the profile aside (U6).
    Deactivated,
    /// The member's profile was erased (U8).
    Erased,
}

impl Cause {
    /// Of a membership that ends by what happened to the person. The standing goes before the RSVP, which a ban withdraws
    /// too: whichever reaction comes first writes the same.
    pub(crate) fn of_standing(standing: Standing) -> Self {
        match standing {
            Standing::Banned => Self::Banned,
            Standing::Deactivated => Self::Deactivated,
            Standing::Erased => Self::Erased,
            Standing::Active | Standing::Unspecified => Self::NotGoing,
        }
    }

    /// As in `group_members_past.cause`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Removed(_) => "removed",
            Self::NotGoing => "not_going",
            Self::Banned => "banned",
            Self::Deactivated => "deactivated",
            Self::Erased => "erased",
        }
    }

    /// As in `timeline.kind`.
    pub(crate) fn kind(self) -> &'static str {
        if matches!(self, Self::Removed(_)) { "member_removed" } else { "member_left" }
    }

    /// As in `timeline.detail`: what the crew is told. What happened to the profile is nobody's business.
    pub(crate) fn detail(self) -> Option<&'static str> {
        match self {
            Self::Left => Some("left"),
            Self::Removed(_) => None,
            Self::NotGoing => Some("not_going"),
            Self::Banned | Self::Deactivated | Self::Erased => Some("profile_gone"),
        }
    }

    /// Which admin did it.
    pub(crate) fn actor(self) -> Option<UserId> {
        match self {
            Self::Removed(by) => Some(by),
            Self::Left | Self::NotGoing | Self::Banned | Self::Deactivated | Self::Erased => None,
        }
    }
}

/// What becomes of a crew that a member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Succession {
    /// Somebody else leads it.
    Led,
    /// The last admin went: this one is promoted.
    PassesTo(UserId),
    /// Nobody remains: it is archived.
    Ends,
}

impl Crew {
    /// What becomes of it without `leaver`. `heir` is the longest-standing other member. Right under the crew's lock only.
    pub(crate) fn without(&self, leaver: UserId, heir: Option<UserId>) -> Succession {
        let Some(heir) = heir else { return Succession::Ends };
        if self.admins().iter().any(|admin| *admin != leaver) { Succession::Led } else { Succession::PassesTo(heir) }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::crew::tests::crew, *};

    #[test]
    fn g6_the_last_admin_hands_on_and_the_last_member_archives() {
        let (first, second, third) = (UserId::new(), UserId::new(), UserId::new());
        let led_by = |admins: &[UserId]| Crew { admin_ids: Some(admins.to_vec()), ..crew() };
        assert_eq!(led_by(&[first]).without(first, Some(second)), Succession::PassesTo(second));
        assert_eq!(led_by(&[first, third]).without(first, Some(second)), Succession::Led);
        assert_eq!(led_by(&[first]).without(second, Some(first)), Succession::Led);
        assert_eq!(led_by(&[first]).without(first, None), Succession::Ends);
        assert_eq!(led_by(&[]).without(first, Some(second)), Succession::PassesTo(second));
    }

    #[test]
    fn m5_the_standing_decides_the_cause_and_the_crew_is_not_told_which() {
        for (standing, name, detail) in [
            (Standing::Active, "not_going", "not_going"),
            (Standing::Banned, "banned", "profile_gone"),
            (Standing::Deactivated, "deactivated", "profile_gone"),
            (Standing::Erased, "erased", "profile_gone"),
        ] {
            let cause = Cause::of_standing(standing);
            assert_eq!((cause.name(), cause.kind(), cause.detail()), (name, "member_left", Some(detail)));
        }
    }
}
