//! WatchEvents: the events that a person made or attends, as a state stream (E7, E12).

use std::time::Duration;

use chrono::{DateTime, Utc};
use crewup_proto::event::{watch_events_response::Change, *};
use crewup_shared::{
    app::{Caller, ReadCx},
    convert::timestamp,
    error::Result,
    fields::Fields,
    id::EventId,
    live::{Revision, Things, WatchFeed, Watched, heartbeat},
};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store;

/// WatchEvents.
pub(crate) async fn open(cx: &mut ReadCx, req: &WatchEventsRequest) -> Result<(WatchFeed<Events>, Duration)> {
    let mut fields = Fields::new();
    let heartbeat = heartbeat(&mut fields, req.heartbeat_seconds);
    fields.done()?;
    Ok((WatchFeed::new(cx, Events), heartbeat))
}

/// What a person made, is going to, is interested in or waits for, and is not over.
pub(crate) struct Events;

impl Things for Events {
    type Item = WatchEventsResponse;

    const SHOWS_END: bool = false;

    // Many answer an event at once; each of them would be read by all who watch it.
    const CALM: Duration = Duration::from_millis(250);

    fn present<'a>(&self, db: &'a mut PgConnection, caller: &'a Caller) -> BoxFuture<'a, Result<Vec<Revision>>> {
        Box::pin(store::attendees::watched(db, caller.id))
    }

    fn load<'a>(
        &'a mut self,
        db: &'a mut PgConnection,
        caller: &'a Caller,
        things: &'a [Revision],
    ) -> BoxFuture<'a, Result<Vec<Watched<WatchEventsResponse>>>> {
        Box::pin(async move {
            let ids: Vec<_> = things.iter().map(|thing| EventId(thing.id)).collect();
            let events = store::events::batch(db, caller.id, &ids).await?;
            let watched = things.iter().filter_map(|thing| {
                let event = events.iter().find(|event| event.id.0 == thing.id)?.to_wire(caller);
                let item = item(Change::Event(WatchedEvent { event: Some(event), revision: thing.revision }));
                Some(Watched { thing: *thing, item, is_last: false })
            });
            Ok(watched.collect())
        })
    }

    fn opened(ends: DateTime<Utc>) -> WatchEventsResponse {
        item(Change::Opened(WatchOpened { end_time: Some(timestamp(ends)) }))
    }

    fn removed(id: Uuid) -> WatchEventsResponse {
        item(Change::RemovedEventId(id.to_string()))
    }

    fn live() -> WatchEventsResponse {
        item(Change::Live(WatchLive {}))
    }

    fn heartbeat(now: DateTime<Utc>) -> WatchEventsResponse {
        item(Change::Heartbeat(WatchHeartbeat { send_time: Some(timestamp(now)) }))
    }
}

fn item(change: Change) -> WatchEventsResponse {
    WatchEventsResponse { change: Some(change) }
}
