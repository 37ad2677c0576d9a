//! Making, editing, cancelling and deleting an event.

use crewup_proto::event::*;
use crewup_shared::{
    app::{Tx, WriteCx},
    error::{ErrorReason, Result},
    fields::Fields,
    id::EventId,
    idempotency::Once,
    outbox::Topic,
};

use crate::{
    access, attendance, figures,
    model::{self, Draft, Edit, Event},
    store::{self, events::Hold},
};

/// CreateEvent (E1-E3, E19, X1).
pub(crate) async fn create(cx: &mut WriteCx, req: &CreateEventRequest) -> Result<CreateEventResponse> {
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let (caller, now) = (cx.caller.id, cx.now());
    let mut id = EventId::new();
    // Before the rules of time: a retry comes later than the call that it repeats.
    if fields.are_good()
        && let Once::Replay(made) = cx.once(request_id, req, id.0).await?
    {
        id = EventId(made);
    } else {
        let event = model::required(&mut fields, req.event.as_ref());
        let draft = Draft::parse(&mut fields, &event, now);
        fields.done()?;
        store::events::insert(cx.db(), id, caller, &draft, now).await?;
        cx.tx.emit(Topic::EventEdited, id, Some(caller.0));
        cx.tx.count(&figures::CREATED, if draft.is_public { "public" } else { "private" });
    }
    let event = store::events::get(cx.db(), caller, id).await?;
    Ok(CreateEventResponse { event: Some(event.to_wire(&cx.caller)) })
}

/// UpdateEvent (E5-E7, E14).
pub(crate) async fn update(cx: &mut WriteCx, req: &UpdateEventRequest) -> Result<UpdateEventResponse> {
    let mut fields = Fields::new();
    let edit = Edit::parse(&mut fields, req);
    let id = fields.id("event.id", edit.event_id());
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let event = held(cx, id).await?;
    access::own(&event, &cx.caller)?;
    let draft = edit.apply(&event)?;

    store::events::update(cx.db(), &event, &draft).await?;
    if event.is_public && !draft.is_public {
        store::events::keep_access(cx.db(), id, now).await?;
    }
    if event.waiting > 0 && event.capacity_after(&draft) != event.capacity {
        let promoted = store::seats::promote(cx.db(), id, now).await?;
        attendance::tell_promoted(&mut cx.tx, id, &promoted);
    }
    let topic = if event.differs_materially(&draft) { Topic::EventChanged } else { Topic::EventEdited };
    cx.tx.emit(topic, id, None);
    let event = store::events::get(cx.db(), caller, id).await?;
    Ok(UpdateEventResponse { event: Some(event.to_wire(&cx.caller)) })
}

/// CancelEvent (E16).
pub(crate) async fn cancel(cx: &mut WriteCx, req: &CancelEventRequest) -> Result<CancelEventResponse> {
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    fields.done()?;

    let (caller, moderator) = (cx.caller.id, access::is_moderator(&cx.caller));
    let mut event = store::events::held(cx.db(), caller, moderator, id, Hold::End).await?;
    access::own_or_moderator(&event, &cx.caller)?;
    if !event.is_cancelled {
        event.must_not_be_over()?;
        cancel_now(&mut cx.tx, id).await?;
        event = store::events::load(cx.db(), caller, moderator, id).await?;
    }
    Ok(CancelEventResponse { event: Some(event.to_wire(&cx.caller)) })
}

/// Cancels an event whose seats are locked, and tells of it, once.
pub(crate) async fn cancel_now(tx: &mut Tx, id: EventId) -> Result<()> {
    let now = tx.now;
    store::events::cancel(tx.db(), id, now).await?;
    tx.emit(Topic::EventChanged, id, None);
    Ok(())
}

/// DeleteEvent (E16).
pub(crate) async fn delete(cx: &mut WriteCx, req: &DeleteEventRequest) -> Result<DeleteEventResponse> {
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let event = store::events::held(cx.db(), caller, false, id, Hold::End).await?;
    access::own(&event, &cx.caller)?;
    if event.has_guests {
        return Err(ErrorReason::EventHasHistory.into());
    }
    store::events::delete(cx.db(), id, now).await?;
    cx.tx.emit(Topic::EventEdited, id, None);
    Ok(DeleteEventResponse {})
}

/// The event that a change is about, under its lock, as the caller sees it.
pub(crate) async fn held(cx: &mut WriteCx, id: EventId) -> Result<Event> {
    let caller = cx.caller.id;
    store::events::held(cx.db(), caller, false, id, Hold::Change).await
}
