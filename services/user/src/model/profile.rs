//! A person's own profile, and editing it (U2, U4).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use crewup_proto::user::{self as wire, UserState};
use crewup_shared::{
    convert::timestamp,
    error::{ErrorReason, Result},
    fields::Fields,
    id::UserId,
    mask::Mask,
};
use rust_decimal::Decimal;
use url::Url;

use super::reputation;

const LONGEST_BIO: usize = 500;
const LONGEST_URL: usize = 2000;
const MOST_INTERESTS: usize = 10;
const LONGEST_INTEREST: usize = 50;

/// The caller's own row of `users`.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    pub(crate) id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) bio: Option<String>,
    pub(crate) profile_picture_url: Option<String>,
    pub(crate) interests: Option<Vec<String>>,
    pub(crate) reputation: Decimal,
    pub(crate) rating_count: i32,
    pub(crate) is_active: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) revision: i64,
}

impl Me {
    /// What tells one edit by the person from the next (E6).
    pub(crate) fn etag(&self) -> String {
        format!("r{}", self.revision)
    }

    /// For the wire.
    pub(crate) fn to_wire(&self) -> wire::Profile {
        let state = if self.is_active { UserState::Active } else { UserState::Deactivated };
        wire::Profile {
            id: self.id.to_string(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            email: self.email.clone(),
            bio: self.bio.clone().unwrap_or_default(),
            profile_picture_url: self.profile_picture_url.clone().unwrap_or_default(),
            interests: self.interests.clone().unwrap_or_default(),
            reputation: Some(reputation(self.reputation, self.rating_count)),
            state: state.into(),
            create_time: Some(timestamp(self.created_at)),
            update_time: Some(timestamp(self.updated_at)),
            etag: self.etag(),
        }
    }
}

/// An edit, read and checked: None where the mask does not name the field.
#[derive(Debug)]
pub(crate) struct Edit {
    bio: Option<Option<String>>,
    profile_picture_url: Option<Option<String>>,
    interests: Option<Vec<String>>,
    etag: String,
}

impl Edit {
    /// What UpdateMe can change.
    const KNOWN: [&str; 3] = ["bio", "profile_picture_url", "interests"];

    /// Reads mask and values. Nothing of it depends on the present profile, so that all is checked here.
    pub(crate) fn parse(fields: &mut Fields, req: &wire::UpdateMeRequest) -> Self {
        let mask = Mask::parse(fields, req.update_mask.as_ref(), &Self::KNOWN);
        fields.check("profile", req.profile.is_some(), "is required");
        let empty = wire::Profile::default();
        let new = req.profile.as_ref().unwrap_or(&empty);
        Self {
            bio: mask.has("bio").then(|| fields.text("profile.bio", &new.bio, LONGEST_BIO)),
            profile_picture_url: mask.has("profile_picture_url").then(|| picture(fields, &new.profile_picture_url)),
            interests: mask.has("interests").then(|| interests(fields, &new.interests)),
            etag: new.etag.clone(),
        }
    }

    /// The profile after the edit, or why it may not be (E6).
    pub(crate) fn apply(self, me: Me) -> Result<Me> {
        if !self.etag.is_empty() && self.etag != me.etag() {
            return Err(ErrorReason::StaleEtag.into());
        }
        Ok(Me {
            bio: self.bio.unwrap_or(me.bio),
            profile_picture_url: self.profile_picture_url.unwrap_or(me.profile_picture_url),
            interests: self.interests.map(Some).unwrap_or(me.interests),
            ..me
        })
    }
}

/// Kept as it was written: what the parser makes of it is only looked at.
fn picture(fields: &mut Fields, value: &str) -> Option<String> {
    const FIELD: &str = "profile.profile_picture_url";
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    fields.at_most(FIELD, value, LONGEST_URL);
    // The parser would drop tabs and line ends, and quote blanks.
    let plain = !value.chars().any(|c| c.is_control() || c.is_whitespace());
    let sound = Url::parse(value).is_ok_and(|url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    fields.check(FIELD, plain && sound, "must be an https URL");
    Some(value.to_owned())
}

fn interests(fields: &mut Fields, values: &[String]) -> Vec<String> {
    fields.check("profile.interests", values.len() <= MOST_INTERESTS, "must hold at most 10 interests");
    let mut seen = HashSet::new();
    let each = values.iter().take(MOST_INTERESTS).enumerate();
    each.map(|(at, value)| {
        let field = format!("profile.interests[{at}]");
        let value = fields.line(&field, value, LONGEST_INTEREST);
        let new = value.is_empty() || seen.insert(value.to_lowercase());
        fields.check(&field, new, "is there already, whatever the case");
        value
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn me() -> Me {
        Me {
            id: UserId::new(),
            first_name: "Ann".to_owned(),
            last_name: "Bee".to_owned(),
            email: "a@b.c".to_owned(),
            bio: Some("old".to_owned()),
            profile_picture_url: Some("https://old.example/a.png".to_owned()),
            interests: Some(vec!["old".to_owned()]),
            reputation: Decimal::ZERO,
            rating_count: 0,
            is_active: true,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            revision: 3,
        }
    }

    fn request(profile: wire::Profile, mask: &[&str]) -> wire::UpdateMeRequest {
        let paths = mask.iter().map(|path| (*path).to_owned()).collect();
        wire::UpdateMeRequest { profile: Some(profile), update_mask: Some(prost_types::FieldMask { paths }) }
    }

    fn parse(req: &wire::UpdateMeRequest) -> Result<Edit> {
        let mut fields = Fields::new();
        let edit = Edit::parse(&mut fields, req);
        fields.done().map(|()| edit)
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn e6_what_the_mask_does_not_name_stays_and_empty_is_none() {
        let new = wire::Profile { bio: "new".to_owned(), interests: texts(&[" Jazz "]), ..Default::default() };
        let after = parse(&request(new.clone(), &["interests"])).unwrap().apply(me()).unwrap();
        assert_eq!((after.bio.as_deref(), after.interests), (Some("old"), Some(texts(&["Jazz"]))));
        let after = parse(&request(new, &["bio", "profile_picture_url"])).unwrap().apply(me()).unwrap();
        assert_eq!((after.bio.as_deref(), after.profile_picture_url), (Some("new"), None));
    }

    #[test]
    fn e6_a_stale_etag_is_refused_and_none_is_not() {
        let with = |etag: &str| {
            let new = wire::Profile { etag: etag.to_owned(), ..Default::default() };
            parse(&request(new, &["bio"])).unwrap().apply(me()).map(drop).map_err(|error| error.reason())
        };
        assert_eq!((with(""), with("r3"), with("r2")), (Ok(()), Ok(()), Err(ErrorReason::StaleEtag)));
    }

    #[test]
    fn u4_every_violation_is_named_with_its_field() {
        let mut many = texts(&["Jazz", " ", "jAZZ", "a\nb"]);
        many.push("x".repeat(51));
        let new = wire::Profile {
            bio: "x".repeat(501),
            profile_picture_url: "http://plain.example/a.png".to_owned(),
            interests: many,
            ..Default::default()
        };
        let error = parse(&request(new, &["bio", "profile_picture_url", "interests"])).unwrap_err();
        let text = format!("{error:?}");
        for field in [
            "profile.bio",
            "profile.profile_picture_url",
            "profile.interests[1]",
            "profile.interests[2]",
            "profile.interests[3]",
            "profile.interests[4]",
        ] {
            assert!(text.contains(field), "{field} in {text}");
        }
        assert!(!text.contains("profile.interests[0]"));
    }

    #[test]
    fn u4_ten_interests_and_no_more() {
        let of = |number: usize| {
            let interests = (0..number).map(|at| format!("interest {at}")).collect();
            parse(&request(wire::Profile { interests, ..Default::default() }, &["interests"])).is_ok()
        };
        assert_eq!((of(0), of(10), of(11)), (true, true, false));
    }

    #[test]
    fn u4_a_picture_is_an_https_url() {
        let refused = |value: &str| {
            let mut fields = Fields::new();
            picture(&mut fields, value);
            fields.done().is_err()
        };
        assert!(!refused("https://pictures.example/ann.png?size=2"));
        assert!(!refused(""));
        for wrong in [
            "http://pictures.example/a.png",
            "javascript:alert(1)",
            "https://",
            "//pictures.example/a.png",
            "https://pictures.example/a b.png",
            "https://pictures.example/\ta.png",
            "https://someone:secret@pictures.example/a.png",
            "https://pictures.example/\0",
        ] {
            assert!(refused(wrong), "{wrong:?}");
        }
        assert!(refused(&format!("https://pictures.example/{}", "a".repeat(2000))));
    }

    #[test]
    fn e6_an_edit_without_a_mask_is_refused() {
        assert!(parse(&request(wire::Profile::default(), &[])).is_err());
        assert!(parse(&request(wire::Profile::default(), &["email"])).is_err());
    }
}
