//! Reading events: one, some, page by page.

use crewup_proto::event::{list_events_request::Order, *};
use crewup_shared::{
    app::{Batch, Caller, ReadCx},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{EventId, UserId},
    page::Page,
};
use sqlx::PgConnection;

use crate::{
    model::{Event, Status, type_name},
    store::{
        self,
        lists::{Filter, Key},
    },
};

/// GetEvent (E20), of all who ask at once.
pub(crate) async fn get(
    db: &mut PgConnection,
    calls: &Batch<GetEventRequest>,
) -> Result<Vec<Result<GetEventResponse>>> {
    let asked: Vec<_> = calls.0.iter().map(|call| Ok((&call.caller, wanted(&call.request)?))).collect();
    let pairs: Vec<_> = asked.iter().flatten().map(|(caller, id)| (caller.id, *id)).collect();
    let seen = store::events::seen_by_each(db, &pairs).await?;
    let answer = |asked: Result<(&Caller, EventId)>| {
        let (caller, id) = asked?;
        let event = seen.get(&(caller.id, id)).ok_or(ErrorReason::NotFound)?;
        Ok(GetEventResponse { event: Some(event.to_wire(caller)) })
    };
    Ok(asked.into_iter().map(answer).collect())
}

fn wanted(req: &GetEventRequest) -> Result<EventId> {
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    fields.done()?;
    Ok(id)
}

/// BatchGetEvents (AIP-231): what is absent or hidden is left out.
pub(crate) async fn batch_get(cx: &mut ReadCx, req: &BatchGetEventsRequest) -> Result<BatchGetEventsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let ids: Vec<EventId> = fields.ids("event_ids", &req.event_ids);
    fields.done()?;

    let found = store::events::batch(cx.db(), caller, &ids).await?;
    let in_order = ids.iter().filter_map(|id| found.iter().find(|event| event.id == *id));
    Ok(BatchGetEventsResponse { events: in_order.map(|event| event.to_wire(&cx.caller)).collect() })
}

/// ListEvents (E2, E20, E21).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListEventsRequest) -> Result<ListEventsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let filter = filter(&mut fields, req.filter.as_ref());
    let order = fields.optional_enum("order", req.order).unwrap_or(Order::StartAscending);
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::lists::list(cx.db(), caller, &filter, order, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |event| key(event, order))?;
    let total_size = match req.include_total {
        true => Some(store::lists::count(cx.db(), caller, &filter).await?),
        false => None,
    };
    let total_size = total_size.map(i32::try_from).transpose().map_err(Error::internal)?;
    Ok(ListEventsResponse {
        events: rows.iter().map(|event| event.to_wire(&cx.caller)).collect(),
        next_page_token,
        total_size,
    })
}

fn filter(fields: &mut Fields, filter: Option<&EventFilter>) -> Filter {
    let empty = EventFilter::default();
    let filter = filter.unwrap_or(&empty);
    let types: Vec<EventType> = fields.enums("filter.types", &filter.types, 8);
    let mine: Vec<AttendanceStatus> = fields.enums("filter.my_statuses", &filter.my_statuses, 3);
    let (from, before) = fields.window("filter.window", filter.window.as_ref());
    Filter {
        from,
        before,
        types: types.into_iter().map(type_name).collect(),
        creator: fields.optional_id::<UserId>("filter.creator_id", &filter.creator_id),
        my_statuses: mine.into_iter().filter_map(Status::from_wire).map(|status| status.name().to_owned()).collect(),
        include_cancelled: filter.include_cancelled,
    }
}

fn key(event: &Event, order: Order) -> Key {
    let at = match order {
        Order::Unspecified | Order::StartAscending | Order::StartDescending => event.event_start,
        Order::CreateDescending => event.created_at,
    };
    Key(at, event.id)
}
