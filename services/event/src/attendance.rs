//! RSVPs (E8-E13) and the list of attendees.

use crewup_proto::event::*;
use crewup_shared::{
    app::{ReadCx, Tx, WriteCx},
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{EventId, UserId},
    outbox::Topic,
    page::Page,
};

use crate::{
    access,
    events::held,
    model::{self, Answer, Change, Event, Queue, Status},
    store,
};

/// SetAttendance (E8-E12, G9).
pub(crate) async fn set(cx: &mut WriteCx, req: &SetAttendanceRequest) -> Result<SetAttendanceResponse> {
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    let wanted: Option<AttendanceStatus> = fields.required_enum("status", req.status);
    fields.done()?;
    let wanted = wanted.and_then(Status::from_wire).ok_or_else(|| Error::internal("an enum past its check"))?;

    let event = held(cx, id).await?;
    let change = match model::answer(&event, wanted)? {
        Answer::Unchanged => return Ok(answered(event.my_status(), event.my_position)),
        Answer::Changed(change) => change,
    };
    let caller = cx.caller.id;
    let promoted = apply(&mut cx.tx, &event, caller, &change).await?;
    if change.queue == Queue::Join && !promoted.contains(&caller) {
        return Ok(answered(
            event.my_status(),
            Some(event.waiting + 1 - i32::try_from(promoted.len()).unwrap_or_default()),
        ));
    }
    let now_held = if promoted.contains(&caller) { Some(Status::Going) } else { change.status };
    Ok(answered(now_held, None))
}

fn answered(status: Option<Status>, position: Option<i32>) -> SetAttendanceResponse {
    let status = status.map_or(0, |status| status.to_wire().into());
    SetAttendanceResponse { attendance: Some(Attendance { status, waitlist_position: position }) }
}

/// Writes a change, moves the waitlist up where a seat is free (E12), and tells of who left (G9). The event's seats are
/// locked. Answers who was promoted.
async fn apply(tx: &mut Tx, event: &Event, user: UserId, change: &Change) -> Result<Vec<UserId>> {
    let now = tx.now;
    let freed = model::freed(event, change);
    let joins = change.queue == Queue::Join;
    let promoted = store::seats::apply(tx.db(), event.id, user, change, if joins { 0 } else { freed }, now).await?;
    // Leaving a cancelled event keeps the crews (E16).
    if change.frees() && !event.is_cancelled {
        tx.emit(Topic::AttendanceLeft, event.id, Some(user.0));
    }
    if joins && freed > 0 { store::seats::promote(tx.db(), event.id, now).await } else { Ok(promoted) }
}

/// Takes a person out of an event: the seat, the interest, the place in the waitlist. The event's seats are locked, and it was read
/// as that person sees it.
pub(crate) async fn leave(tx: &mut Tx, event: &Event, user: UserId) -> Result<()> {
    let (status, waits) = (event.my_status(), event.my_position.is_some());
    if matches!(status, None | Some(Status::NotGoing)) && !waits {
        return Ok(());
    }
    let change = Change {
        going: -i32::from(status == Some(Status::Going)),
        interested: -i32::from(status == Some(Status::Interested)),
        status: status.map(|_| Status::NotGoing),
        queue: if waits { Queue::Leave } else { Queue::Keep },
    };
    apply(tx, event, user, &change).await.map(drop)
}

/// ListAttendees (E24, U5).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListAttendeesRequest) -> Result<ListAttendeesResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: EventId = fields.id("event_id", &req.event_id);
    let status: Option<AttendanceStatus> = fields.optional_enum("status", req.status);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    store::events::get(cx.db(), caller, id).await?;
    let status = status.and_then(Status::from_wire).unwrap_or(Status::Going);
    let rows = store::attendees::list(cx.db(), caller, id, status.name(), &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| store::attendees::Key(row.created_at, row.user_id))?;
    let attendees = rows.into_iter().map(|row| Attendee {
        user_id: row.user_id.to_string(),
        status: status.to_wire().into(),
        first_name: row.first_name,
        last_name: row.last_name,
        update_time: Some(timestamp(row.updated_at)),
    });
    Ok(ListAttendeesResponse { attendees: attendees.collect(), next_page_token })
}

/// RemoveAttendee (E20).
pub(crate) async fn remove(cx: &mut WriteCx, req: &RemoveAttendeeRequest) -> Result<RemoveAttendeeResponse> {
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    let user: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    let event = held(cx, id).await?;
    access::own(&event, &cx.caller)?;
    if user == cx.caller.id {
        return Err(Error::field(ErrorReason::SelfNotAllowed, "user_id", "is the caller's own"));
    }
    event.must_not_be_over()?;
    let theirs = store::events::load(cx.db(), user, true, id).await?;
    leave(&mut cx.tx, &theirs, user).await?;
    store::attendees::end_access(cx.db(), id, user).await?;
    Ok(RemoveAttendeeResponse {})
}
