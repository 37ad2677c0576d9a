//! Reading other people: one, some, by name. Who is hidden from the caller is not there (U3, U5).

use crewup_proto::user::*;
use crewup_shared::{
    app::ReadCx,
    error::{ErrorReason, Result},
    fields::Fields,
    id::UserId,
    page::Page,
};

use crate::store::{self, people::Key};

const LONGEST_QUERY: usize = 100;

/// GetUser.
pub(crate) async fn get(cx: &mut ReadCx, req: &GetUserRequest) -> Result<GetUserResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    let person = store::people::get(cx.db(), caller, id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(GetUserResponse { user: Some(person.to_wire()) })
}

/// BatchGetUsers (AIP-231): what is absent or hidden is left out.
pub(crate) async fn batch_get(cx: &mut ReadCx, req: &BatchGetUsersRequest) -> Result<BatchGetUsersResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let ids: Vec<UserId> = fields.ids("user_ids", &req.user_ids);
    fields.done()?;

    let found = store::people::batch(cx.db(), caller, &ids).await?;
    let in_order = ids.iter().filter_map(|id| found.iter().find(|person| person.id == *id));
    Ok(BatchGetUsersResponse { users: in_order.map(|person| person.to_wire()).collect() })
}

/// SearchUsers (U3, E23).
pub(crate) async fn search(cx: &mut ReadCx, req: &SearchUsersRequest) -> Result<SearchUsersResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let query = fields.text("query", &req.query, LONGEST_QUERY);
    fields.check("query", query.is_some(), "is required");
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let query = query.unwrap_or_default();
    let found = store::people::find(cx.db(), caller, &query, &page).await?;
    let (found, next_page_token) = page.cut(found, |row| Key(row.key, row.id))?;
    let ids: Vec<_> = found.iter().map(|row| row.id).collect();
    let people = store::people::batch(cx.db(), caller, &ids).await?;
    let in_order = ids.iter().filter_map(|id| people.iter().find(|person| person.id == *id));
    Ok(SearchUsersResponse { users: in_order.map(|person| person.to_wire()).collect(), next_page_token })
}
