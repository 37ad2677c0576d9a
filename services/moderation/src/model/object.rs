//! What a report is about (M6).

use crewup_proto::moderation::{self as wire, reported_object::Object as Wire};
use crewup_shared::fields::Fields;
use uuid::Uuid;

/// The longest snapshot that is kept, in characters. The longest content that services answer, an event with its
/// description and address, has about 6,000.
pub(crate) const SNAPSHOT: usize = 10_000;

/// What kind of thing it is, as in `reports.object_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Event,
    Group,
    Message,
    Rating,
    Alert,
}

impl Kind {
    const ALL: [Self; 6] = [Self::User, Self::Event, Self::Group, Self::Message, Self::Rating, Self::Alert];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Event => "event",
            Self::Group => "group",
            Self::Message => "message",
            Self::Rating => "rating",
            Self::Alert => "alert",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A thing of some service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) id: Uuid,
}

impl Object {
    /// From the field `field` of a request. None: there is nothing in it, or nothing that can be read.
    pub(crate) fn parse(fields: &mut Fields, field: &str, object: Option<&wire::ReportedObject>) -> Option<Self> {
        let (kind, id) = match object?.object.as_ref() {
            Some(Wire::UserId(id)) => (Kind::User, id),
            Some(Wire::EventId(id)) => (Kind::Event, id),
            Some(Wire::GroupId(id)) => (Kind::Group, id),
            Some(Wire::MessageId(id)) => (Kind::Message, id),
            Some(Wire::RatingId(id)) => (Kind::Rating, id),
            Some(Wire::AlertId(id)) => (Kind::Alert, id),
            None => {
                fields.refuse(field, "must say what it is");
                return None;
            }
        };
        Some(Self { kind, id: fields.id(&format!("{field}.{}_id", kind.name()), id) })
    }

    /// From two columns.
    pub(crate) fn from_columns(kind: &str, id: Uuid) -> Option<Self> {
        Some(Self { kind: Kind::parse(kind)?, id })
    }

    /// For the wire.
    pub(crate) fn to_wire(self) -> wire::ReportedObject {
        let id = self.id.to_string();
        let object = match self.kind {
            Kind::User => Wire::UserId(id),
            Kind::Event => Wire::EventId(id),
            Kind::Group => Wire::GroupId(id),
            Kind::Message => Wire::MessageId(id),
            Kind::Rating => Wire::RatingId(id),
            Kind::Alert => Wire::AlertId(id),
        };
        wire::ReportedObject { object: Some(object) }
    }
}

/// The first `most` characters: Unicode scalar values, never bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m6_a_snapshot_is_cut_between_characters() {
        assert_eq!(cut("Zürich", 2), "Zü");
        assert_eq!(cut("Zürich", 6), "Zürich");
        assert_eq!(cut("", 2), "");
    }

    #[test]
    fn every_kind_of_object_survives_the_way_to_the_table_and_the_wire() {
        for kind in Kind::ALL {
            let object = Object { kind, id: Uuid::now_v7() };
            let mut fields = Fields::new();
            assert_eq!(Object::from_columns(kind.name(), object.id), Some(object));
            assert_eq!(Object::parse(&mut fields, "object", Some(&object.to_wire())), Some(object));
        }
    }
}
