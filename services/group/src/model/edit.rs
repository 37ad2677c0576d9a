//! Making and editing a crew (G1, G5, E6).

use crewup_proto::group as wire;
use crewup_shared::{
    error::{ErrorReason, Result},
    fields::Fields,
    id::EventId,
    mask::Mask,
};

use super::Crew;

const LONGEST_NAME: usize = 255;
const LONGEST_DESCRIPTION: usize = 2000;
const DEFAULT_MEMBERS: i32 = 10;

/// What a person sets of a crew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) max_members: i32,
    pub(crate) is_private: bool,
}

impl Draft {
    /// A new crew.
    pub(crate) fn parse(fields: &mut Fields, group: &wire::Group) -> Self {
        Self {
            name: fields.line("group.name", &group.name, LONGEST_NAME),
            description: fields.text("group.description", &group.description, LONGEST_DESCRIPTION),
            max_members: max_members(fields, group.max_members),
            is_private: group.is_private.unwrap_or_default(),
        }
    }
}

/// An edit, read and checked: None where the mask does not name the field.
#[derive(Debug)]
pub(crate) struct Edit {
    group_id: String,
    name: Option<String>,
    description: Option<Option<String>>,
    max_members: Option<i32>,
    is_private: Option<bool>,
    etag: String,
}

impl Edit {
    /// What UpdateGroup can change.
    const KNOWN: [&str; 4] = ["name", "description", "max_members", "is_private"];

    /// Reads mask and values.
    pub(crate) fn parse(fields: &mut Fields, req: &wire::UpdateGroupRequest) -> Self {
        let mask = Mask::parse(fields, req.update_mask.as_ref(), &Self::KNOWN);
        let group = required(fields, req.group.as_ref());
        // For good, so in no mask; what is sent along must be an id all the same (X15).
        let _: Option<EventId> = fields.optional_id("group.event_id", &group.event_id);
        let description =
            |fields: &mut Fields| fields.text("group.description", &group.description, LONGEST_DESCRIPTION);
        Self {
            group_id: group.id.clone(),
            name: mask.has("name").then(|| fields.line("group.name", &group.name, LONGEST_NAME)),
            description: mask.has("description").then(|| description(fields)),
            max_members: mask.has("max_members").then(|| max_members(fields, group.max_members)),
            is_private: mask.has("is_private").then(|| group.is_private.unwrap_or_default()),
            etag: group.etag.clone(),
        }
    }

    /// Which crew, as it came.
    pub(crate) fn group_id(&self) -> &str {
        &self.group_id
    }

    /// The crew after the edit, or why it may not be (E6, G5).
    pub(crate) fn apply(self, crew: &Crew) -> Result<Draft> {
        if crew.is_archived() {
            return Err(ErrorReason::GroupArchived.into());
        }
        if !self.etag.is_empty() && self.etag != crew.etag() {
            return Err(ErrorReason::StaleEtag.into());
        }
        if self.max_members.is_some_and(|most| most < crew.members) {
            return Err(ErrorReason::CapacityBelowMembers.into());
        }
        Ok(Draft {
            name: self.name.unwrap_or_else(|| crew.name.clone()),
            description: self.description.unwrap_or_else(|| crew.description.clone()),
            max_members: self.max_members.unwrap_or(crew.max_members),
            is_private: self.is_private.unwrap_or(crew.is_private),
        })
    }
}

impl Crew {
    /// The places in force after an edit. An adopted crew that was overfull keeps them until the number is changed (E8).
    pub(crate) fn capacity_after(&self, draft: &Draft) -> i32 {
        if draft.max_members == self.max_members { self.capacity } else { draft.max_members }
    }
}

fn max_members(fields: &mut Fields, most: Option<i32>) -> i32 {
    let most = most.unwrap_or(DEFAULT_MEMBERS);
    fields.check("group.max_members", (2..=50).contains(&most), "must be 2 to 50, or absent for 10");
    most
}

/// The crew of a request; a request without one is refused, and read on as an empty one, so that every other violation
/// is named too.
pub(crate) fn required(fields: &mut Fields, group: Option<&wire::Group>) -> wire::Group {
    fields.check("group", group.is_some(), "is required");
    group.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{super::crew::tests::crew, *};

    fn edit(group: &wire::Group, paths: &[&str]) -> Result<Draft> {
        let mut req = wire::UpdateGroupRequest { group: Some(group.clone()), ..Default::default() };
        req.update_mask.get_or_insert_default().paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut fields = Fields::new();
        let edit = Edit::parse(&mut fields, &req);
        fields.done()?;
        edit.apply(&Crew { max_members: 20, capacity: 20, members: 11, is_private: true, ..crew() })
    }

    fn reason(done: Result<Draft>) -> Option<ErrorReason> {
        done.err().map(|error| error.reason())
    }

    #[test]
    fn g5_fewer_places_than_members_are_refused_and_the_number_of_members_is_not() {
        let most = |most| wire::Group { max_members: Some(most), ..Default::default() };
        assert_eq!(reason(edit(&most(10), &["max_members"])), Some(ErrorReason::CapacityBelowMembers));
        assert_eq!(edit(&most(11), &["max_members"]).map(|draft| draft.max_members).ok(), Some(11));
        // Not in the mask, so not looked at.
        assert_eq!(edit(&most(2), &["is_private"]).map(|draft| draft.max_members).ok(), Some(20));
    }

    #[test]
    fn e6_what_is_in_the_mask_and_absent_goes_back_to_its_default() {
        let absent = wire::Group::default();
        assert_eq!(edit(&absent, &["is_private"]).map(|draft| draft.is_private).ok(), Some(false));
        assert_eq!(
            reason(edit(&absent, &["max_members"])),
            Some(ErrorReason::CapacityBelowMembers),
            "10 is the default"
        );
        assert_eq!(reason(edit(&absent, &["name"])), Some(ErrorReason::InvalidFields));
        assert_eq!(reason(edit(&absent, &[])), Some(ErrorReason::InvalidFields));
        let stale = wire::Group { etag: "r7".into(), ..Default::default() };
        assert_eq!(reason(edit(&stale, &["description"])), Some(ErrorReason::StaleEtag));
    }

    #[test]
    fn an_overfull_crew_keeps_its_places_until_their_number_is_changed() {
        let adopted = Crew { max_members: 10, capacity: 12, members: 12, ..crew() };
        let draft = |max_members| Draft { name: "n".into(), description: None, max_members, is_private: false };
        assert_eq!(adopted.capacity_after(&draft(10)), 12);
        assert_eq!(adopted.capacity_after(&draft(15)), 15);
    }
}
