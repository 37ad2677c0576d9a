//! Making and editing an event (E1, E3, E5, E6, E14).

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use crewup_proto::event::{self as wire, EventType};
use crewup_shared::{
    convert::Place,
    error::{ErrorReason, Result},
    fields::Fields,
    mask::Mask,
};

use super::{Event, status::type_name};

const SOONEST: TimeDelta = TimeDelta::minutes(30);
const LATEST: TimeDelta = TimeDelta::days(365);
const LONGEST: TimeDelta = TimeDelta::days(7);
const MOST_ATTENDEES: i32 = 1_000_000;

/// What a person sets of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) address: String,
    pub(crate) place: Option<Place>,
    pub(crate) event_start: DateTime<Utc>,
    pub(crate) event_end: Option<DateTime<Utc>>,
    pub(crate) time_zone: String,
    pub(crate) max_attendees: Option<i32>,
    pub(crate) waitlist_enabled: bool,
    pub(crate) is_public: bool,
}

impl Draft {
    /// A new event, at `now` (E1).
    pub(crate) fn parse(fields: &mut Fields, event: &wire::Event, now: DateTime<Utc>) -> Self {
        let event_start = fields.instant("event.start_time", event.start_time.as_ref());
        fields.check("event.start_time", event.start_time.is_some(), "is required");
        let kind: Option<EventType> = fields.required_enum("event.type", event.r#type);
        let draft = Self {
            name: fields.line("event.name", &event.name, 255),
            description: fields.text("event.description", &event.description, 5000),
            event_type: kind.map(type_name),
            address: fields.line("event.address", &event.address, 500),
            place: fields.place("event.location", event.location.as_ref()),
            event_start: event_start.unwrap_or(now),
            event_end: fields.instant("event.end_time", event.end_time.as_ref()),
            time_zone: time_zone(fields, &event.time_zone),
            max_attendees: max_attendees(fields, event.max_attendees),
            waitlist_enabled: event.waitlist_enabled.unwrap_or(event.max_attendees.is_some()),
            is_public: event.is_public.unwrap_or(true),
        };
        if event_start.is_some() {
            check_start(fields, draft.event_start, now);
            check_end(fields, draft.event_start, draft.event_end);
        }
        draft
    }
}

/// An edit that was read from the request, before the event is known.
#[derive(Debug)]
pub(crate) struct Edit {
    mask: Mask,
    event: wire::Event,
}

impl Edit {
    /// What UpdateEvent can change.
    const KNOWN: [&str; 11] = [
        "name",
        "description",
        "type",
        "address",
        "location",
        "start_time",
        "end_time",
        "time_zone",
        "max_attendees",
        "waitlist_enabled",
        "is_public",
    ];

    /// Reads mask and values; what depends on the event's present state waits for [`Edit::apply`].
    pub(crate) fn parse(fields: &mut Fields, req: &wire::UpdateEventRequest) -> Self {
        let mask = Mask::parse(fields, req.update_mask.as_ref(), &Self::KNOWN);
        Self { mask, event: required(fields, req.event.as_ref()) }
    }

    /// Which event, as it came.
    pub(crate) fn event_id(&self) -> &str {
        &self.event.id
    }

    /// The event after the edit, or why it may not be (E5, E6, E14).
    pub(crate) fn apply(&self, event: &Event) -> Result<Draft> {
        event.must_take_place()?;
        event.must_not_be_over()?;
        if !self.event.etag.is_empty() && self.event.etag != event.etag() {
            return Err(ErrorReason::StaleEtag.into());
        }
        if event.has_started() && !self.mask.only(&["description", "end_time"]) {
            return Err(ErrorReason::EventStarted.into());
        }
        let mut fields = Fields::new();
        let draft = self.merge(&mut fields, event);
        fields.done()?;
        if event.has_started() && ends_sooner(event, draft.event_end) {
            return Err(ErrorReason::EventStarted.into());
        }
        if draft.max_attendees.is_some_and(|most| most < event.going) && self.mask.has("max_attendees") {
            return Err(ErrorReason::CapacityBelowGoing.into());
        }
        Ok(draft)
    }

    fn merge(&self, fields: &mut Fields, event: &Event) -> Draft {
        let mut draft = event.draft();
        let (mask, new) = (&self.mask, &self.event);
        if mask.has("name") {
            draft.name = fields.line("event.name", &new.name, 255);
        }
        if mask.has("description") {
            draft.description = fields.text("event.description", &new.description, 5000);
        }
        if mask.has("type") {
            let kind: Option<EventType> = fields.required_enum("event.type", new.r#type);
            draft.event_type = kind.map(type_name);
        }
        if mask.has("address") {
            draft.address = fields.line("event.address", &new.address, 500);
        }
        if mask.has("location") {
            draft.place = fields.place("event.location", new.location.as_ref());
        }
        if mask.has("start_time") {
            fields.check("event.start_time", new.start_time.is_some(), "is required");
            if let Some(start) = fields.instant("event.start_time", new.start_time.as_ref()) {
                draft.event_start = start;
                check_start(fields, start, event.now);
            }
        }
        if mask.has("end_time") {
            draft.event_end = fields.instant("event.end_time", new.end_time.as_ref());
        }
        if mask.has("time_zone") {
            draft.time_zone = time_zone(fields, &new.time_zone);
        }
        if mask.has("max_attendees") {
            draft.max_attendees = max_attendees(fields, new.max_attendees);
            // Without a limit nobody waits, so nothing was said of a waitlist before.
            draft.waitlist_enabled |= event.max_attendees.is_none() && draft.max_attendees.is_some();
        }
        if mask.has("waitlist_enabled") {
            draft.waitlist_enabled = new.waitlist_enabled.unwrap_or(draft.max_attendees.is_some());
        }
        if mask.has("is_public") {
            draft.is_public = new.is_public.unwrap_or(true);
        }
        if mask.has("start_time") || mask.has("end_time") {
            check_end(fields, draft.event_start, draft.event_end);
        }
        draft
    }
}

impl Event {
    /// What a person set of it.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            name: self.name.clone(),
            description: self.description.clone(),
            event_type: self.event_type.clone(),
            address: self.address.clone(),
            place: Place::from_columns(self.latitude, self.longitude),
            event_start: self.event_start,
            event_end: self.event_end,
            time_zone: self.time_zone.clone(),
            max_attendees: self.max_attendees,
            waitlist_enabled: self.waitlist_enabled,
            is_public: self.is_public,
        }
    }

    /// Whether attendees must hear of the edit: another time or another place (E7).
    pub(crate) fn differs_materially(&self, draft: &Draft) -> bool {
        let old = self.draft();
        (&old.address, old.place, old.event_start) != (&draft.address, draft.place, draft.event_start)
    }

    /// The capacity in force after an edit. An adopted event that was oversold keeps its seats until the number is
    /// changed (E8).
    pub(crate) fn capacity_after(&self, draft: &Draft) -> Option<i32> {
        if draft.max_attendees == self.max_attendees { self.capacity } else { draft.max_attendees }
    }
}

/// A running event can only be prolonged: no end is the end 24 hours after the start (E2).
fn ends_sooner(event: &Event, end: Option<DateTime<Utc>>) -> bool {
    end.unwrap_or(event.event_start + TimeDelta::hours(24)) < event.effective_end
}

fn check_start(fields: &mut Fields, start: DateTime<Utc>, now: DateTime<Utc>) {
    let inside = (now + SOONEST..=now + LATEST).contains(&start);
    fields.check("event.start_time", inside, "must be from 30 minutes to 365 days from now");
}

fn check_end(fields: &mut Fields, start: DateTime<Utc>, end: Option<DateTime<Utc>>) {
    let Some(end) = end else { return };
    fields.check("event.end_time", end > start, "must be after start_time");
    fields.check("event.end_time", end <= start + LONGEST, "must be at most 7 days after start_time");
}

fn time_zone(fields: &mut Fields, name: &str) -> String {
    let name = if name.is_empty() { "UTC" } else { name };
    fields.check("event.time_zone", name.parse::<Tz>().is_ok(), "must be the IANA name of a time zone");
    name.to_owned()
}

fn max_attendees(fields: &mut Fields, most: Option<i32>) -> Option<i32> {
    let inside = most.is_none_or(|most| (2..=MOST_ATTENDEES).contains(&most));
    fields.check("event.max_attendees", inside, "must be 2 to 1,000,000, or absent for no limit");
    most
}

/// The event of a request; a request without one is refused, and read on as an empty one, so that every other violation
/// is named too.
pub(crate) fn required(fields: &mut Fields, event: Option<&wire::Event>) -> wire::Event {
    fields.check("event", event.is_some(), "is required");
    event.cloned().unwrap_or_default()
}
