//! Parsing a request: every violation is collected, so that the answer names them all at once (E1).
//!
//! A helper that finds a violation notes it and returns a stand-in; [`Fields::done`] then refuses the request, before
//! anything uses the stand-in.

use chrono::{DateTime, Utc};
use crewup_proto::{common::TimeWindow, google::r#type::LatLng};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    convert::{self, Place},
    error::{Error, Result},
};

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` is not acceptable, and why.
    pub fn refuse(&mut self, field: &str, wrong: impl Into<String>) {
        self.0.push((field.to_owned(), wrong.into()));
    }

    /// Refuses `field` unless `holds`.
    pub fn check(&mut self, field: &str, holds: bool, wrong: &str) {
        if !holds {
            self.refuse(field, wrong);
        }
    }

    /// Whether nothing was noted so far.
    pub fn are_good(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses the request if anything was noted.
    pub fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::fields(self.0)) }
    }

    /// A required id in any version of UUID, in the 36-character form (X15).
    pub fn id<T: From<Uuid>>(&mut self, field: &str, value: &str) -> T {
        let id = (value.len() == 36).then(|| Uuid::try_parse(value).ok()).flatten();
        if id.is_none() {
            self.refuse(field, if value.is_empty() { "is required" } else { "must be a UUID" });
        }
        T::from(id.unwrap_or_default())
    }

    /// An optional id: empty is none.
    pub fn optional_id<T: From<Uuid>>(&mut self, field: &str, value: &str) -> Option<T> {
        if value.is_empty() { None } else { Some(self.id(field, value)) }
    }

    /// 1 to 100 ids, in their order, doubles once (AIP-231).
    pub fn ids<T: From<Uuid>>(&mut self, field: &str, values: &[String]) -> Vec<T> {
        if values.is_empty() || values.len() > 100 {
            self.refuse(field, "must hold 1 to 100 ids");
            return Vec::new();
        }
        self.each_id(field, values)
    }

    /// At most `most` ids, doubles once.
    pub fn ids_up_to<T: From<Uuid>>(&mut self, field: &str, values: &[String], most: usize) -> Vec<T> {
        if values.len() > most {
            self.refuse(field, format!("must hold at most {most} ids"));
            return Vec::new();
        }
        self.each_id(field, values)
    }

    fn each_id<T: From<Uuid>>(&mut self, field: &str, values: &[String]) -> Vec<T> {
        let mut seen = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let id: Uuid = self.id(&format!("{field}[{at}]"), value);
            if !seen.contains(&id) {
                seen.push(id);
            }
        }
        seen.into_iter().map(T::from).collect()
    }

    /// A line of text, trimmed: 1 to `most` characters, none of them a control character.
    pub fn line(&mut self, field: &str, value: &str, most: usize) -> String {
        let value = value.trim();
        if value.is_empty() {
            self.refuse(field, "is required");
        }
        self.check(field, !value.chars().any(char::is_control), "must not contain control characters");
        self.at_most(field, value, most);
        value.to_owned()
    }

    /// Text of several lines, trimmed: 0 to `most` characters, no U+0000 (X15). Empty is none.
    pub fn text(&mut self, field: &str, value: &str, most: usize) -> Option<String> {
        let value = value.trim();
        self.check(field, !value.contains('\0'), "must not contain U+0000");
        self.at_most(field, value, most);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Refuses more than `most` characters: Unicode scalar values, never bytes.
    pub fn at_most(&mut self, field: &str, value: &str, most: usize) {
        if value.chars().nth(most).is_some() {
            self.refuse(field, format!("must have at most {most} characters"));
        }
    }

    /// A required value of an enum; unspecified and unknown are refused (X15).
    pub fn required_enum<E: TryFrom<i32> + Copy>(&mut self, field: &str, value: i32) -> Option<E> {
        let known = E::try_from(value).ok().filter(|_| value != 0);
        if known.is_none() {
            self.refuse(field, if value == 0 { "is required" } else { "is not a value of the enum" });
        }
        known
    }

    /// A value of an enum that may be unspecified: `None`. Unknown is refused.
    pub fn optional_enum<E: TryFrom<i32> + Copy>(&mut self, field: &str, value: i32) -> Option<E> {
        if value == 0 { None } else { self.required_enum(field, value) }
    }

    /// Values of an enum, at most `most`; none may be unspecified.
    pub fn enums<E: TryFrom<i32> + Copy>(&mut self, field: &str, values: &[i32], most: usize) -> Vec<E> {
        self.check(field, values.len() <= most, &format!("must hold at most {most} values"));
        let each = values.iter().enumerate().take(most);
        each.filter_map(|(at, value)| self.required_enum(&format!("{field}[{at}]"), *value)).collect()
    }

    /// An optional instant in the years 1 to 9999.
    pub fn instant(&mut self, field: &str, value: Option<&Timestamp>) -> Option<DateTime<Utc>> {
        let value = value?;
        let at = convert::instant(value);
        self.check(field, at.is_some(), "must be a time in the years 1 to 9999");
        at
    }

    /// An optional place.
    pub fn place(&mut self, field: &str, value: Option<&LatLng>) -> Option<Place> {
        let place = Place::from_wire(value?);
        let wrong = "latitude must be -90 to 90 and longitude -180 to 180 degrees";
        self.check(field, place.is_some(), wrong);
        place
    }

    /// An optional window, as (start, end).
    pub fn window(
        &mut self,
        field: &str,
        value: Option<&TimeWindow>,
    ) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let Some(value) = value else { return (None, None) };
        let start = self.instant(&format!("{field}.start_time"), value.start_time.as_ref());
        let end = self.instant(&format!("{field}.end_time"), value.end_time.as_ref());
        let ordered = start.zip(end).is_none_or(|(start, end)| start < end);
        self.check(&format!("{field}.end_time"), ordered, "must be after start_time");
        (start, end)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn x15_ids_in_other_spellings_of_uuid_are_refused() {
        for garbage in ["", "x", "{67e55044-10b1-426f-9247-bb680e5fe0c8}", "67e5504410b1426f9247bb680e5fe0c8", "\0"] {
            let mut fields = Fields::new();
            let _: Uuid = fields.id("id", garbage);
            assert!(fields.done().is_err(), "{garbage:?}");
        }
    }

    #[test]
    fn every_violation_is_named_at_once() {
        let mut fields = Fields::new();
        fields.line("name", " ", 10);
        fields.text("description", "a\0b", 10);
        fields.line("address", "12345678901", 10);
        let error = fields.done().unwrap_err();
        for field in ["name", "description", "address"] {
            assert!(format!("{error:?}").contains(field));
        }
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        let mut fields = Fields::new();
        fields.line("name", &"é".repeat(255), 255);
        assert!(fields.done().is_ok());
    }
}
