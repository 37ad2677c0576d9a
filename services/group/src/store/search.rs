//! Finding crews by text (E23), in one statement of three steps, as the search of events: what the index finds, the page
//! of it that the viewer may see, and the crews of the page.

use crewup_shared::{
    error::Result,
    id::{EventId, GroupId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{model::Crew, store::seen};

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

/// One crew found, and its place in the order.
pub(crate) struct Found {
    pub(crate) crew: Crew,
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
    let rows = seen!(
        found viewer,
        r"with q as materialized (
              select crewup.fold($3) as folded,
                     '%' || replace(replace(replace(crewup.fold($3), '\', '\\'), '%', '\%'), '_', '\_') || '%' as part
          ), found as materialized (
              select g.id, -(1000 * (word_similarity(q.folded, g.search_text)
                                     + case when g.search_text like q.part then 1 else 0 end))::bigint as key
              from q
              cross join groups g
              where q.folded <> ''
                and (g.search_text like (select q.part from q) or (select q.folded from q) <% g.search_text)
                and g.archived_at is null and ($4::uuid is null or g.event_id = $4)
          )
          select s.id, o.key
          from (
              select n.id, n.key
              from found n
              where (n.key, n.id)
                  > (coalesce($6, -9223372036854775808), coalesce($7, '00000000-0000-0000-0000-000000000000'::uuid))
              order by n.key, n.id
          ) o
          cross join lateral (select x.* from crewup.crews_seen_by($1, $2) x where x.id = o.id offset 0) s
          where s.event_cancelled_at is null and ($4 is not null or s.effective_end > s.now)
            and (not $5 or s.members < s.capacity)
          order by o.key, o.id
          limit $8",
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
