//! The log of standings (ADR 22): that a person was banned, erased or let back, as a line of the service's log, which is kept
//! outside of the database. After a restore to an earlier moment `crewup-migrate reapply` reads it. Persons are told by a hash:
//! who has the log alone learns nobody's name.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

/// What the lines are found by among all others, and what no filter of the log leaves out.
pub(crate) const TARGET: &str = "crewup_standing";

/// A person's standing, at the time of the line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// `crewup.person_hash` of the person's id.
    pub person: String,
    /// `active`, `deactivated`, `banned` or `erased`.
    pub standing: String,
    /// When a ban ends by itself. None: never, or there is none.
    pub until: Option<DateTime<Utc>>,
}

impl Line {
    /// Says it. Whoever says it twice says the same.
    pub fn say(&self) {
        let until = self.until.map(|until| until.to_rfc3339());
        tracing::info!(target: TARGET, person = self.person, standing = self.standing, until, "standing");
    }

    /// The line of a log, if it is one of these. Else: `Ok(None)`.
    ///
    /// # Errors
    /// If it is, but not whole.
    pub fn parse(line: &str) -> Result<Option<Self>, serde_json::Error> {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            // Half of a line may be half of one of these.
            let is_half = line.trim_start().starts_with('{') || line.contains(TARGET);
            return if is_half { serde_json::from_str(line).map(Some) } else { Ok(None) };
        };
        if value.get("target").and_then(Value::as_str) != Some(TARGET) {
            return Ok(None);
        }
        serde_json::from_value(value).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_among_others_and_half_of_one_is_an_error() {
        let banned = r#"{"level":"INFO","person":"ab","standing":"banned","until":"2030-01-01T00:00:00+00:00","target":"crewup_standing"}"#;
        let line = Line::parse(banned).unwrap_or_default();
        assert_eq!(line.as_ref().map(|line| (line.person.as_str(), line.until.is_some())), Some(("ab", true)));
        let erased = r#"{"person":"ab","standing":"erased","target":"crewup_standing"}"#;
        assert!(Line::parse(erased).is_ok_and(|line| line.is_some_and(|line| line.until.is_none())));
        for other in ["", "text", r#"{"target":"crewup_shared::server","person":"ab","standing":"erased"}"#] {
            assert!(Line::parse(other).is_ok_and(|line| line.is_none()), "{other}");
        }
        for half in
            [&banned[..banned.len() - 3], &banned[..20], &banned[20..], r#"{"person":"ab","target":"crewup_standing"}"#]
        {
            assert!(Line::parse(half).is_err(), "{half}");
        }
    }
}
