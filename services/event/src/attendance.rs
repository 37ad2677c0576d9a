//! RSVPs (E8-E13) and the list of attendees.

use std::collections::HashMap;

use crewup_proto::event::*;
use crewup_shared::{
    app::{Batch, ReadCx, Tx, WriteCx},
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
    figures,
    model::{self, Answer, Change, Event, Queue, Status},
    store::{self, events::Hold},
};

/// SetAttendance (E8-E12, G9), of all who ask about one event at once, in their order. Answers that only move counters are
/// written together; one that concerns the waitlist is written by itself, after those before it.
pub(crate) async fn set(
    tx: &mut Tx,
    calls: &Batch<SetAttendanceRequest>,
) -> Result<Vec<Result<SetAttendanceResponse>>> {
    let asked: Vec<_> = calls.0.iter().map(|call| (call.caller.id, wanted(&call.request))).collect();
    // They met by the event's id, so all who name one name the same.
    let Some(id) = asked.iter().find_map(|(_, wanted)| Some(wanted.as_ref().ok()?.0)) else {
        return Ok(asked.into_iter().filter_map(|(_, wanted)| wanted.err()).map(Err).collect());
    };
    let people = asked.iter().filter(|(_, wanted)| wanted.is_ok()).map(|(caller, _)| *caller).collect();
    let mut desk = Desk::open(tx, id, people).await?;
    let mut answers = Vec::with_capacity(asked.len());
    for (caller, wanted) in asked {
        answers.push(match wanted {
            Ok((_, wanted)) => desk.serve(caller, wanted).await?,
            Err(refusal) => Err(refusal),
        });
    }
    desk.write().await?;
    Ok(answers)
}

fn wanted(req: &SetAttendanceRequest) -> Result<(EventId, Status)> {
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    let wanted: Option<AttendanceStatus> = fields.required_enum("status", req.status);
    fields.done()?;
    let wanted = wanted.and_then(Status::from_wire).ok_or_else(|| Error::internal("an enum past its check"))?;
    Ok((id, wanted))
}

/// Where people answer to one event, whose seats are locked.
struct Desk<'a> {
    tx: &'a mut Tx,
    event: EventId,
    people: Vec<UserId>,
    /// The event as each of them sees it.
    seen: HashMap<UserId, Event>,
    /// What was decided and is not written yet, of each person once.
    decided: Vec<(UserId, Change)>,
}

impl<'a> Desk<'a> {
    async fn open(tx: &'a mut Tx, event: EventId, people: Vec<UserId>) -> Result<Self> {
        let mut seen = HashMap::new();
        // The first takes the lock, whether the event is there for that person or not.
        match store::events::held(tx.db(), people[0], false, event, Hold::Change).await {
            Ok(first) => drop(seen.insert(people[0], first)),
            Err(error) if error.reason() == ErrorReason::NotFound => {}
            Err(error) => return Err(error),
        }
        if people.len() > 1 {
            seen.extend(look(tx, &people[1..], event).await?);
        }
        Ok(Self { tx, event, people, seen, decided: Vec::new() })
    }

    /// Decides on an answer. Err: the call fails; Ok(Err): this person is refused.
    async fn serve(&mut self, caller: UserId, wanted: Status) -> Result<Result<SetAttendanceResponse>> {
        if self.decided.iter().any(|(person, _)| *person == caller) {
            self.write().await?;
            self.look_again().await?;
        }
        let Some(event) = self.seen.get(&caller) else { return Ok(Err(ErrorReason::NotFound.into())) };
        let event = event.after(self.decided.iter().map(|(_, change)| change));
        let change = match model::answer(&event, wanted) {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Answer::Unchanged) => return Ok(Ok(answered(event.my_status(), event.my_position))),
            Ok(Answer::Changed(change)) => change,
        };
        if change.queue == Queue::Keep && model::freed(&event, &change) == 0 {
            tell(self.tx, &event, caller, &change);
            self.decided.push((caller, change));
            return Ok(Ok(answered(change.status, None)));
        }
        self.write().await?;
        let promoted = apply(self.tx, &event, caller, &change).await?;
        self.look_again().await?;
        if change.queue == Queue::Join && !promoted.contains(&caller) {
            let position = event.waiting + 1 - i32::try_from(promoted.len()).unwrap_or_default();
            return Ok(Ok(answered(event.my_status(), Some(position))));
        }
        let now_held = if promoted.contains(&caller) { Some(Status::Going) } else { change.status };
        Ok(Ok(answered(now_held, None)))
    }

    /// Writes what was decided.
    async fn write(&mut self) -> Result<()> {
        if self.decided.is_empty() {
            return Ok(());
        }
        let now = self.tx.now;
        store::seats::answer(self.tx.db(), self.event, &self.decided, now).await?;
        self.decided.clear();
        Ok(())
    }

    /// After changes that go beyond counters; where nobody else asks, nobody needs to know.
    async fn look_again(&mut self) -> Result<()> {
        if self.people.len() > 1 {
            self.seen = look(self.tx, &self.people, self.event).await?.collect();
        }
        Ok(())
    }
}

/// The event as each of them sees it; who does not is left out.
async fn look(tx: &mut Tx, people: &[UserId], event: EventId) -> Result<impl Iterator<Item = (UserId, Event)> + use<>> {
    let pairs: Vec<_> = people.iter().map(|person| (*person, event)).collect();
    let seen = store::events::seen_by_each(tx.db(), &pairs).await?;
    Ok(seen.into_iter().map(|((viewer, _), event)| (viewer, event)))
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
    tell(tx, event, user, change);
    let promoted = if joins && freed > 0 { store::seats::promote(tx.db(), event.id, now).await? } else { promoted };
    tell_promoted(tx, event.id, &promoted);
    Ok(promoted)
}

/// Leaving a cancelled event keeps the crews (E16).
fn tell(tx: &mut Tx, event: &Event, user: UserId, change: &Change) {
    let leaves = change.frees() && !event.is_cancelled;
    tx.emit(if leaves { Topic::AttendanceLeft } else { Topic::AttendanceChanged }, event.id, Some(user.0));
    let kind = match change.queue {
        Queue::Join => "waiting",
        Queue::Keep | Queue::Leave => change.status.map_or("withdrawn", Status::name),
    };
    tx.count(&figures::RSVPS, kind);
}

/// Tells of who moved up from the waitlist.
pub(crate) fn tell_promoted(tx: &mut Tx, event: EventId, promoted: &[UserId]) {
    for user in promoted {
        tx.emit(Topic::AttendanceChanged, event, Some(user.0));
        tx.count(&figures::RSVPS, "promoted");
    }
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
    let now = cx.now();
    store::attendees::end_access(cx.db(), id, user, now).await?;
    Ok(RemoveAttendeeResponse {})
}
