//! Reading crews: one, of an event, one's own, by text.

use crewup_proto::group::*;
use crewup_shared::{
    app::ReadCx,
    error::Result,
    fields::Fields,
    id::{EventId, GroupId},
    page::Page,
};

use crate::store::{
    self,
    lists::Key,
    search::{Key as FoundKey, Search},
};

/// GetGroup (G3).
pub(crate) async fn get(cx: &mut ReadCx, req: &GetGroupRequest) -> Result<GetGroupResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    fields.done()?;

    let crew = store::crews::get(cx.db(), caller, id).await?;
    Ok(GetGroupResponse { group: Some(crew.to_wire()) })
}

/// ListGroups (G3, E21).
pub(crate) async fn of_event(cx: &mut ReadCx, req: &ListGroupsRequest) -> Result<ListGroupsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let event: EventId = fields.id("event_id", &req.event_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    store::events::must_be_seen(cx.db(), caller, event).await?;
    let rows = store::lists::of_event(cx.db(), caller, event, req.only_with_free_places, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |crew| Key(crew.created_at, crew.id))?;
    Ok(ListGroupsResponse { groups: rows.iter().map(|crew| crew.to_wire()).collect(), next_page_token })
}

/// ListMyGroups (C15, E21).
pub(crate) async fn of_caller(cx: &mut ReadCx, req: &ListMyGroupsRequest) -> Result<ListMyGroupsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let event: Option<EventId> = fields.optional_id("event_id", &req.event_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::lists::of_member(cx.db(), caller, event, req.only_open, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |crew| Key(crew.my_joined_at.unwrap_or(crew.created_at), crew.id))?;
    Ok(ListMyGroupsResponse { groups: rows.iter().map(|crew| crew.to_wire()).collect(), next_page_token })
}

/// SearchGroups (E23).
pub(crate) async fn search(cx: &mut ReadCx, req: &SearchGroupsRequest) -> Result<SearchGroupsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let query = fields.text("query", &req.query, 200);
    fields.check("query", query.is_some(), "is required");
    let event: Option<EventId> = fields.optional_id("event_id", &req.event_id);
    let page: Page<FoundKey> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let only_with_free_places = req.only_with_free_places;
    let search = Search { query: query.unwrap_or_default(), event, only_with_free_places };
    let found = store::search::find(cx.db(), caller, &search, &page).await?;
    // A crew that is seen shows that its event is (G3): only where there is none is the event asked for.
    if let Some(event) = event.filter(|_| found.is_empty()) {
        store::events::must_be_seen(cx.db(), caller, event).await?;
    }
    let (found, next_page_token) = page.cut(found, |row| FoundKey(row.key, row.crew.id))?;
    Ok(SearchGroupsResponse { groups: found.iter().map(|row| row.crew.to_wire()).collect(), next_page_token })
}
