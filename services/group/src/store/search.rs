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

/// One page, and one more, in two tiers, one after the other: what has all words as they stand, then what is only alike. As in the
/// search of events, where it says why (ADR 15).
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
        "with q as materialized (
              select w.folded, w.parts, w.first, w.second, w.third, w.whole from crewup.searched($3) w
          )
          select s.id, o.key
          from q
          cross join generate_series(1, 2) t (tier)
          cross join lateral (
              select n.id, n.key
              from (
                  select g.id,
                         -round(case
                             when g.has_all and ' ' || g.search_text || ' ' like q.whole then 3000
                             when g.has_all then 2000 + 1000 * word_similarity(q.folded, g.search_text)
                             else 1000 * word_similarity(q.folded, g.search_text) end)::bigint as key
                  from (
                      select a.id, a.search_text, true as has_all
                      from groups a
                      where t.tier = 1
                        and a.search_text like q.first and a.search_text like q.second and a.search_text like q.third
                        and a.archived_at is null and ($4::uuid is null or a.event_id = $4)
                      union all
                      select a.id, a.search_text, false
                      from groups a
                      where t.tier = 2 and a.search_text %> q.folded
                        and a.archived_at is null and ($4::uuid is null or a.event_id = $4)
                      offset 0
                  ) g
                  where (g.search_text like all (q.parts)) = g.has_all
                  offset 0
              ) n
              where (n.key, n.id)
                  > (coalesce($6, -9223372036854775808), coalesce($7, '00000000-0000-0000-0000-000000000000'::uuid))
              order by n.key, n.id
          ) o
          cross join lateral (select x.* from crewup.crews_seen_by($1, $2) x where x.id = o.id offset 0) s
          where q.folded <> ''
            and s.event_cancelled_at is null and ($4 is not null or s.effective_end > s.now)
            and (not $5 or s.members < s.capacity)
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
