//! A ban and its versions (M2, M4).

use chrono::{DateTime, TimeDelta, Utc};
use crewup_proto::moderation::{self as wire, BanState, Violation};
use crewup_shared::{
    convert::timestamp,
    fields::Fields,
    id::{BanId, UserId},
};

use super::{Appeal, Named as _, People, wire_number};

const SHORTEST_REASON: usize = 10;
const LONGEST_REASON: usize = 255;
const LONGEST_NOTE: usize = 2000;

/// A ban, or a revision of one, as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) violation: String,
    pub(crate) reason: String,
    pub(crate) note: Option<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

impl Draft {
    /// M2. The expiry is in the future at `now`.
    pub(crate) fn parse(fields: &mut Fields, req: &wire::BanUserRequest, now: DateTime<Utc>) -> Self {
        let violation: Option<Violation> = fields.required_enum("violation", req.violation);
        let reason = fields.text("reason", &req.reason, LONGEST_REASON).unwrap_or_default();
        let long_enough = reason.chars().nth(SHORTEST_REASON - 1).is_some();
        fields.check("reason", long_enough, "must have at least 10 characters");
        let expires_at = fields.instant("expire_time", req.expire_time.as_ref());
        fields.check("expire_time", expires_at.is_none_or(|at| at > now), "must be in the future");
        Self {
            violation: violation.map(Violation::name).unwrap_or_default(),
            reason,
            note: fields.text("internal_note", &req.internal_note, LONGEST_NOTE),
            expires_at,
        }
    }
}

/// A row of `bans`.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) root_id: BanId,
    pub(crate) user_id: UserId,
    pub(crate) violation: String,
    pub(crate) reason: String,
    pub(crate) note: Option<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) created_by: UserId,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) ended_by: Option<UserId>,
    /// By `crewup.ban_state`: of the last version, the ban's.
    pub(crate) state: String,
}

/// A ban: versions with one root.
#[derive(Clone, Debug)]
pub(crate) struct Ban {
    pub(crate) id: BanId,
    pub(crate) user_id: UserId,
    /// Who banned, at first.
    created_by: UserId,
    /// Since when.
    created_at: DateTime<Utc>,
    /// All of them, the first first.
    versions: Vec<Version>,
    /// The last of them.
    pub(crate) present: Version,
}

impl Ban {
    /// Bans of rows that are ordered by root, then by time.
    pub(crate) fn gather(rows: Vec<Version>) -> Vec<Self> {
        let mut bans: Vec<Self> = Vec::new();
        for row in rows {
            match bans.last_mut().filter(|ban| ban.id == row.root_id) {
                Some(ban) => {
                    ban.present = row.clone();
                    ban.versions.push(row);
                }
                None => bans.push(Self {
                    id: row.root_id,
                    user_id: row.user_id,
                    created_by: row.created_by,
                    created_at: row.created_at,
                    present: row.clone(),
                    versions: vec![row],
                }),
            }
        }
        bans
    }

    /// M4.
    pub(crate) fn is_in_force(&self) -> bool {
        self.present.state == BanState::Active.name()
    }

    /// Taken back, by UnbanUser or an appeal.
    pub(crate) fn is_lifted(&self) -> bool {
        self.present.state == BanState::Lifted.name()
    }

    /// M9: who made a version of a ban does not decide the appeal against it.
    pub(crate) fn was_made_by(&self, moderator: UserId) -> bool {
        self.versions.iter().any(|version| version.created_by == moderator)
    }

    /// When the next thing happens to the ban, at `now`. A call that waited for another one began before it (X6): its own
    /// time would put what it does in front of what it followed.
    pub(crate) fn next_instant(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let last = self.present.created_at.max(self.present.ended_at.unwrap_or(self.present.created_at));
        now.max(last + TimeDelta::microseconds(1))
    }

    /// Everyone whom it names.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        let makers = self.versions.iter().map(|version| version.created_by);
        makers.chain([self.user_id]).chain(self.present.ended_by)
    }

    /// For moderators.
    pub(crate) fn to_wire(&self, appeal: Option<&Appeal>, people: &People) -> wire::Ban {
        let present = &self.present;
        wire::Ban {
            id: self.id.to_string(),
            user: Some(people.show(self.user_id)),
            state: wire_number::<BanState>(&present.state),
            violation: wire_number::<Violation>(&present.violation),
            reason: present.reason.clone(),
            internal_note: present.note.clone().unwrap_or_default(),
            expire_time: present.expires_at.map(timestamp),
            banned_by: Some(people.show(self.created_by)),
            create_time: Some(timestamp(self.created_at)),
            lifted_by: present.ended_by.map(|id| people.show(id)),
            lift_time: present.ended_by.and(present.ended_at).map(timestamp),
            revisions: self.versions.iter().map(|version| version.to_wire(people)).collect(),
            appeal: appeal.map(|appeal| appeal.to_wire(people)),
        }
    }

    /// For the banned person.
    pub(crate) fn to_own_wire(&self, appeal: Option<&Appeal>) -> wire::MyBan {
        wire::MyBan {
            id: self.id.to_string(),
            violation: wire_number::<Violation>(&self.present.violation),
            reason: self.present.reason.clone(),
            expire_time: self.present.expires_at.map(timestamp),
            create_time: Some(timestamp(self.created_at)),
            appeal: appeal.map(Appeal::to_own_wire),
        }
    }
}

impl Version {
    fn to_wire(&self, people: &People) -> wire::BanRevision {
        wire::BanRevision {
            violation: wire_number::<Violation>(&self.violation),
            reason: self.reason.clone(),
            internal_note: self.note.clone().unwrap_or_default(),
            expire_time: self.expires_at.map(timestamp),
            revised_by: Some(people.show(self.created_by)),
            create_time: Some(timestamp(self.created_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn version(root_id: BanId, second: i64) -> Version {
        Version {
            root_id,
            user_id: UserId(root_id.0),
            violation: "spam".into(),
            reason: "reasons enough".into(),
            note: None,
            expires_at: None,
            created_by: UserId::new(),
            created_at: START + TimeDelta::seconds(second),
            ended_at: None,
            ended_by: None,
            state: "active".into(),
        }
    }

    #[test]
    fn m2_a_ban_is_its_versions_and_what_follows_comes_after_the_last() {
        let (one, other) = (BanId::new(), BanId::new());
        let bans = Ban::gather(vec![version(one, 0), version(one, 5), version(other, 1)]);
        assert_eq!(bans.iter().map(|ban| (ban.id, ban.versions.len())).collect::<Vec<_>>(), [(one, 2), (other, 1)]);
        let late = START + TimeDelta::seconds(9);
        assert_eq!(bans[0].next_instant(late), late);
        // Began before the version that it waited for.
        assert!(bans[0].next_instant(START) > bans[0].present.created_at);
        assert!(bans[0].was_made_by(bans[0].versions[0].created_by) && !bans[0].was_made_by(UserId::new()));
    }

    #[test]
    fn m2_a_reason_has_10_to_255_characters_and_an_expiry_is_in_the_future() {
        let answer = |reason: &str, seconds: Option<i64>| {
            let expire_time = seconds.map(|seconds| timestamp(START + TimeDelta::seconds(seconds)));
            let req = wire::BanUserRequest { violation: 1, reason: reason.into(), expire_time, ..Default::default() };
            let mut fields = Fields::new();
            Draft::parse(&mut fields, &req, START);
            fields.done().is_ok()
        };
        for (reason, right) in [("", false), (" ééééééééé ", false), ("éééééééééé", true)] {
            assert_eq!(answer(reason, None), right, "{reason}");
        }
        assert!(answer(&"é".repeat(255), Some(1)) && !answer(&"é".repeat(256), None));
        assert!(!answer("reasons enough", Some(0)));
    }
}
