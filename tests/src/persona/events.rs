//! What people do with events.

use crewup_proto::event::*;
use tonic::Status;

use super::{Persona, in_hours, request_id};

impl Persona {
    /// Makes an event as `draft` says.
    pub async fn create(&self, draft: Event) -> Result<Event, Status> {
        let request = CreateEventRequest { event: Some(draft), request_id: request_id() };
        Ok(self.events().create_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Reads an event.
    pub async fn get(&self, event: &str) -> Result<Event, Status> {
        let request = GetEventRequest { event_id: event.into() };
        Ok(self.events().get_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Answers an event.
    pub async fn answer(&self, event: &str, status: AttendanceStatus) -> Result<Attendance, Status> {
        let request = SetAttendanceRequest { event_id: event.into(), status: status.into() };
        Ok(self.events().set_attendance(request).await?.into_inner().attendance.expect("an attendance"))
    }

    /// Is going.
    pub async fn go(&self, event: &str) -> Result<Attendance, Status> {
        self.answer(event, AttendanceStatus::Going).await
    }

    /// Is not going.
    pub async fn leave(&self, event: &str) -> Result<Attendance, Status> {
        self.answer(event, AttendanceStatus::NotGoing).await
    }

    /// Cancels an event.
    pub async fn cancel(&self, event: &str) -> Result<Event, Status> {
        let request = CancelEventRequest { event_id: event.into() };
        Ok(self.events().cancel_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Edits the fields `mask` of an event.
    pub async fn update(&self, event: Event, mask: &[&str]) -> Result<Event, Status> {
        let mask = prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() };
        let request = UpdateEventRequest { event: Some(event), update_mask: Some(mask) };
        Ok(self.events().update_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Makes a link to a private event; answers its secret.
    pub async fn link(&self, event: &str, max_uses: Option<i32>) -> Result<String, Status> {
        let request = CreateInvitationRequest {
            event_id: event.into(),
            max_uses,
            request_id: request_id(),
            ..Default::default()
        };
        Ok(self.events().create_invitation(request).await?.into_inner().token)
    }

    /// Uses a link.
    pub async fn accept(&self, token: &str) -> Result<Event, Status> {
        let invitation = Some(accept_invitation_request::Invitation::Token(token.into()));
        let answer = self.events().accept_invitation(AcceptInvitationRequest { invitation }).await?;
        Ok(answer.into_inner().event.expect("an event"))
    }
}

/// A public event in a week, for `max_attendees`.
pub fn party(max_attendees: Option<i32>) -> Event {
    Event {
        name: "Long Night".into(),
        r#type: EventType::Club.into(),
        address: "Pelikanplatz 18, Zürich".into(),
        start_time: Some(in_hours(7 * 24)),
        end_time: Some(in_hours(7 * 24 + 6)),
        max_attendees,
        ..Default::default()
    }
}

/// A private event in a week.
pub fn private_party(max_attendees: Option<i32>) -> Event {
    Event { is_public: Some(false), ..party(max_attendees) }
}
