//! Reading the log (M10).

use crewup_proto::moderation::*;
use crewup_shared::{app::ReadCx, error::Result, fields::Fields, page::Page};

use crate::{
    model::{Entry, Named as _},
    store::{
        self,
        log::{Filter, Key},
    },
};

/// ListLogEntries (E21).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListLogEntriesRequest) -> Result<ListLogEntriesResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let empty = LogFilter::default();
    let filter = req.filter.as_ref().unwrap_or(&empty);
    let (from, before) = fields.window("filter.window", filter.window.as_ref());
    let actions: Vec<LogAction> = fields.enums("filter.actions", &filter.actions, 9);
    let filter = Filter {
        from,
        before,
        actor: fields.optional_id("filter.actor_id", &filter.actor_id),
        target_user: fields.optional_id("filter.target_user_id", &filter.target_user_id),
        actions: actions.into_iter().map(LogAction::name).collect(),
    };
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::log::list(cx.db(), &filter, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    Ok(ListLogEntriesResponse { entries: rows.iter().map(Entry::to_wire).collect(), next_page_token })
}
