//! An event as one person sees it.

use chrono::{DateTime, Utc};
use crewup_proto::event::{self as wire, EventAction, EventState};
use crewup_shared::{
    app::Caller,
    convert::{Place, timestamp},
    error::{ErrorReason, Result},
    id::{EventId, UserId},
};
use rust_decimal::Decimal;

use super::{
    Change,
    status::{Status, type_from_name},
};
use crate::access;

/// A row of `crewup.events_seen_by`: the event, its counters and the viewer's own answer.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) creator_id: UserId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) address: String,
    pub(crate) latitude: Option<Decimal>,
    pub(crate) longitude: Option<Decimal>,
    pub(crate) event_start: DateTime<Utc>,
    pub(crate) event_end: Option<DateTime<Utc>>,
    pub(crate) effective_end: DateTime<Utc>,
    pub(crate) time_zone: String,
    pub(crate) max_attendees: Option<i32>,
    pub(crate) waitlist_enabled: bool,
    pub(crate) is_public: bool,
    pub(crate) is_cancelled: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) revision: i64,
    pub(crate) capacity: Option<i32>,
    pub(crate) going: i32,
    pub(crate) interested: i32,
    pub(crate) waiting: i32,
    pub(crate) my_status: Option<String>,
    pub(crate) my_position: Option<i32>,
    pub(crate) has_guests: bool,
    pub(crate) now: DateTime<Utc>,
}

impl Event {
    /// E5, E13.
    pub(crate) fn has_started(&self) -> bool {
        self.event_start <= self.now
    }

    /// E2.
    pub(crate) fn is_over(&self) -> bool {
        self.effective_end <= self.now
    }

    /// E16.
    pub(crate) fn must_take_place(&self) -> Result<()> {
        if self.is_cancelled { Err(ErrorReason::EventCancelled.into()) } else { Ok(()) }
    }

    /// E5, E13.
    pub(crate) fn must_not_be_over(&self) -> Result<()> {
        if self.is_over() { Err(ErrorReason::EventOver.into()) } else { Ok(()) }
    }

    /// The viewer's own answer.
    pub(crate) fn my_status(&self) -> Option<Status> {
        self.my_status.as_deref().and_then(Status::parse)
    }

    /// Seats for newcomers: none while anyone waits (E10). None: no limit.
    pub(crate) fn free_seats(&self) -> Option<i32> {
        let capacity = self.capacity?;
        Some(if self.waiting > 0 { 0 } else { (capacity - self.going).max(0) })
    }

    /// The event as it is after others' answers, which do not concern the waitlist.
    pub(crate) fn after<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> Self {
        let mut event = self.clone();
        for change in changes {
            event.going += change.going;
            event.interested += change.interested;
        }
        event
    }

    /// What tells one edit by a person from the next (E6).
    pub(crate) fn etag(&self) -> String {
        format!("r{}", self.revision)
    }

    /// What the viewer may do now.
    fn allowed_actions(&self, viewer: &Caller) -> Vec<i32> {
        let mut actions = Vec::new();
        let running = !self.is_cancelled && !self.is_over();
        let is_mine = viewer.id == self.creator_id;
        if is_mine && running {
            actions.push(if self.has_started() { EventAction::UpdateStarted } else { EventAction::Update });
        }
        if running && access::own_or_moderator(self, viewer).is_ok() {
            actions.push(EventAction::Cancel);
        }
        if is_mine && running && !self.is_public {
            actions.push(EventAction::Invite);
        }
        if is_mine && !self.has_guests {
            actions.push(EventAction::Delete);
        }
        if running {
            actions.push(EventAction::Attend);
        }
        actions.into_iter().map(i32::from).collect()
    }

    /// For the wire.
    pub(crate) fn to_wire(&self, viewer: &Caller) -> wire::Event {
        let state = if self.is_cancelled { EventState::Cancelled } else { EventState::Scheduled };
        wire::Event {
            id: self.id.to_string(),
            creator_id: self.creator_id.to_string(),
            name: self.name.clone(),
            description: self.description.clone().unwrap_or_default(),
            r#type: type_from_name(self.event_type.as_deref()).into(),
            address: self.address.clone(),
            location: Place::from_columns(self.latitude, self.longitude).map(Place::to_wire),
            start_time: Some(timestamp(self.event_start)),
            end_time: self.event_end.map(timestamp),
            effective_end_time: Some(timestamp(self.effective_end)),
            time_zone: self.time_zone.clone(),
            max_attendees: self.max_attendees,
            waitlist_enabled: Some(self.waitlist_enabled),
            is_public: Some(self.is_public),
            state: state.into(),
            create_time: Some(timestamp(self.created_at)),
            update_time: Some(timestamp(self.updated_at)),
            etag: self.etag(),
            going_count: self.going,
            interested_count: self.interested,
            waiting_count: self.waiting,
            free_seats: self.free_seats(),
            my_attendance: Some(wire::Attendance {
                status: self.my_status().map_or(0, |status| status.to_wire().into()),
                waitlist_position: self.my_position,
            }),
            allowed_actions: self.allowed_actions(viewer),
        }
    }
}
