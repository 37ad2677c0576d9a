//! SearchEvents (E22, E23).

use crewup_proto::event::{search_events_request::Order, *};
use crewup_shared::{app::ReadCx, convert::Place, error::Result, fields::Fields, page::Page};
use rust_decimal::prelude::ToPrimitive as _;

use crate::{
    model::type_name,
    store::{
        self,
        search::{By, Circle, Key, Search},
    },
};

/// SearchEvents.
pub(crate) async fn search(cx: &mut ReadCx, req: &SearchEventsRequest) -> Result<SearchEventsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let query = fields.text("query", &req.query, 200);
    let area = req.area.as_ref().and_then(|area| circle(&mut fields, area));
    if query.is_none() && req.area.is_none() {
        fields.refuse("query", "one of query and area is required");
    }
    let order: Option<Order> = fields.optional_enum("order", req.order);
    fields.check("order", order != Some(Order::Relevance) || query.is_some(), "by relevance needs a query");
    fields.check("order", order != Some(Order::Distance) || req.area.is_some(), "by distance needs an area");
    let types: Vec<EventType> = fields.enums("types", &req.types, 8);
    let (from, before) = fields.window("window", req.window.as_ref());
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let by = match order {
        Some(Order::Relevance) => By::Relevance,
        Some(Order::Distance) => By::Distance,
        Some(Order::Start) => By::Start,
        Some(Order::Unspecified) | None if query.is_some() => By::Relevance,
        Some(Order::Unspecified) | None => By::Distance,
    };
    let search = Search {
        query,
        area,
        not_over: req.window.is_none(),
        from,
        before,
        types: types.into_iter().map(type_name).collect(),
        only_with_free_seats: req.only_with_free_seats,
        by,
    };
    let found = store::search::find(cx.db(), caller, &search, &page).await?;
    let (found, next_page_token) = page.cut(found, |row| Key(row.key, row.event.id))?;
    let results =
        found.iter().map(|row| FoundEvent { event: Some(row.event.to_wire(&cx.caller)), distance_meters: row.meters });
    Ok(SearchEventsResponse { results: results.collect(), next_page_token })
}

fn circle(fields: &mut Fields, area: &Area) -> Option<Circle> {
    fields.check("area.center", area.center.is_some(), "is required");
    let in_range = (1..=100_000).contains(&area.radius_meters);
    fields.check("area.radius_meters", in_range, "must be 1 to 100,000 metres");
    let Place { latitude, longitude } = fields.place("area.center", area.center.as_ref())?;
    Some(Circle::new(latitude.to_f64()?, longitude.to_f64()?, f64::from(area.radius_meters)))
}
