//! Finding crews by text (E23). Answers ids with their sort key; the crews themselves are read by id.

use crewup_shared::{
    error::Result,
    id::{EventId, GroupId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// What to search for.
pub(crate) struct Search {
    pub(crate) query: String,
    /// None: crews of all events that are not over.
    pub(crate) event: Option<EventId>,
    pub(crate) only_with_free_places: bool,
}

/// The order of what was found: smaller first, then the id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) i64, pub(crate) GroupId);

/// One crew found.
pub(crate) struct Found {
    pub(crate) id: GroupId,
    pub(crate) key: i64,
}

/// One page, and one more: a part of the text as it stands, or words that are alike. What the index finds is materialized
/// before the crews are joined, as in the search of events.
#[tracing::instrument(skip_all)]
pub(crate) async fn find(
    db: &mut PgConnection,
    viewer: UserId,
    search: &Search,
    page: &Page<Key>,
) -> Result<Vec<Found>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Found,
        r#"with q as (
               select crewup.fold($2) as folded,
                      '%' || replace(replace(replace(crewup.fold($2), '\', '\\'), '%', '\%'), '_', '\_') || '%' as part
           ), found as materialized (
               select g.id, -(1000 * (word_similarity(q.folded, g.search_text)
                                      + case when g.search_text like q.part then 1 else 0 end))::bigint as key
               from q
               cross join groups g
               where q.folded <> '' and (q.folded <% g.search_text or g.search_text like q.part)
                 and g.archived_at is null and ($3::uuid is null or g.event_id = $3)
           )
           select c.id as "id!: GroupId", f.key as "key!"
           from found f
           join crewup.crews_seen_by($1, false) c on c.id = f.id
           where c.event_cancelled_at is null and ($3 is not null or c.effective_end > c.now)
             and (not $4 or c.members < c.capacity)
             and (f.key, c.id) > (coalesce($5, -9223372036854775808), coalesce($6, '00000000-0000-0000-0000-000000000000'::uuid))
           order by f.key, c.id
           limit $7"#,
        viewer.0,
        search.query,
        search.event.map(|event| event.0),
        search.only_with_free_places,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
