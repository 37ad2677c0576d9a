//! Reading alerts: one, or page by page.

use crewup_proto::safety::{alert_filter::Scope, *};
use crewup_shared::{
    app::ReadCx,
    error::{ErrorReason, Result},
    fields::Fields,
    id::GroupId,
    page::Page,
};

use crate::{
    access,
    model::State,
    store::{
        self,
        lists::{Filter, Key},
    },
};

/// GetAlert (S8, S14).
pub(crate) async fn get(cx: &mut ReadCx, req: &GetAlertRequest) -> Result<GetAlertResponse> {
    let mut fields = Fields::new();
    let id = fields.id("alert_id", &req.alert_id);
    fields.done()?;

    let (caller, moderates) = (cx.caller.id, access::moderates(&cx.caller));
    let alert = store::alerts::get(cx.db(), caller, moderates, id).await?;
    Ok(GetAlertResponse { alert: Some(alert.to_wire(&cx.caller)) })
}

/// ListAlerts (E21).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListAlertsRequest) -> Result<ListAlertsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let empty = AlertFilter::default();
    let filter = req.filter.as_ref().unwrap_or(&empty);
    let scope: Option<Scope> = fields.optional_enum("filter.scope", filter.scope);
    let states: Vec<AlertState> = fields.enums("filter.states", &filter.states, 3);
    let group: Option<GroupId> = fields.optional_id("filter.group_id", &filter.group_id);
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let scope = scope.unwrap_or(Scope::Unspecified);
    if scope == Scope::All && !access::moderates(&cx.caller) {
        return Err(ErrorReason::RoleRequired.into());
    }
    let states = states.into_iter().filter_map(State::from_wire).map(|state| state.name().to_owned());
    let filter = Filter { scope, states: states.collect(), group };
    let rows = store::lists::list(cx.db(), caller, &filter, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |alert| Key(alert.created_at, alert.id))?;
    Ok(ListAlertsResponse { alerts: rows.iter().map(|alert| alert.to_wire(&cx.caller)).collect(), next_page_token })
}
