//! Lists and searches. One query for each index that leads, the other conditions beside it: a condition of the form
//! `$1 is null or ..` may turn into a plan that uses no index at all. So that the plan is the same whatever is asked for, and
//! can be kept: what must not lead is written so that no index serves it.

use chrono::{DateTime, Utc};
use crewup_proto::event::list_events_request::Order;
use crewup_shared::{
    error::Result,
    id::{EventId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{model::Event, store::seen};

/// Which events to list. Empty and None: whatever.
pub(crate) struct Filter {
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) before: Option<DateTime<Utc>>,
    pub(crate) types: Vec<String>,
    pub(crate) creator: Option<UserId>,
    pub(crate) my_statuses: Vec<String>,
    pub(crate) include_cancelled: bool,
}

/// The order of a list: an instant, then the id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) EventId);

/// One page, and one row more.
///
/// Events from a moment on are those that start later, from the index on the start, and those that run at the moment, from
/// the index on the time in which an event runs. A page takes from both in order.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(
    db: &mut PgConnection,
    viewer: UserId,
    filter: &Filter,
    order: Order,
    page: &Page<Key>,
) -> Result<Vec<Event>> {
    if filter.creator.is_some() || !filter.my_statuses.is_empty() {
        return list_of_person(db, viewer, filter, order, page).await;
    }
    let after = page.after.as_ref().map(|key| (key.0, key.1.0));
    let (at, id) = after.unzip();
    let (types, all) = (&filter.types, filter.include_cancelled);
    let rows = match order {
        Order::Unspecified | Order::StartAscending => {
            // One bound: given two, the index starts at the first of them, which may be the lower.
            let later = after.max(filter.from.map(|from| (from, Uuid::max()))).unzip();
            // They come first: a page that begins later has none of them.
            let running_at = filter.from.filter(|from| at.is_none_or(|at| at <= *from));
            seen!(
                from "(
                    (select x.* from crewup.events_seen_by($1, $2) x
                     where (x.event_start, x.id) > (coalesce($3, '-infinity'::timestamptz), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
                       and x.event_start < coalesce($6, 'infinity'::timestamptz)
                       and (cardinality($7::text[]) = 0 or x.event_type = any($7)) and ($8 or not x.is_cancelled)
                     order by x.event_start, x.id limit $9)
                    union all
                    (select x.* from (
                         select o.id, o.event_start from (
                             select r.id, r.event_start, r.event_type, r.is_cancelled from events r
                             where tstzrange(r.event_start, crewup.effective_end(r.event_start, r.event_end)) @> $5::timestamptz offset 0
                         ) o
                         where (o.event_start, o.id) > (coalesce($10, '-infinity'::timestamptz), coalesce($11, '00000000-0000-0000-0000-000000000000'::uuid))
                           and o.event_start < coalesce($6, 'infinity'::timestamptz)
                           and (cardinality($7::text[]) = 0 or o.event_type = any($7)) and ($8 or not o.is_cancelled)
                         order by o.event_start, o.id
                     ) n
                     cross join lateral (select y.* from crewup.events_seen_by($1, $2) y where y.id = n.id offset 0) x
                     order by n.event_start, n.id limit $9)
                )",
                viewer,
                false,
                "order by e.event_start, e.id limit $9",
                later.0,
                later.1,
                running_at,
                filter.before,
                types,
                all,
                page.limit(),
                at,
                id,
            )
            .fetch_all(db)
            .await?
        }
        Order::StartDescending => {
            let earlier = [after, filter.before.map(|before| (before, Uuid::nil()))].into_iter().flatten().min().unzip();
            seen!(
                from "(
                    (select x.* from crewup.events_seen_by($1, $2) x
                     where (x.event_start, x.id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
                       and x.event_start > coalesce($5, '-infinity'::timestamptz)
                       and (cardinality($6::text[]) = 0 or x.event_type = any($6)) and ($7 or not x.is_cancelled)
                     order by x.event_start desc, x.id desc limit $8)
                    union all
                    (select x.* from (
                         select o.id, o.event_start from (
                             select r.id, r.event_start, r.event_type, r.is_cancelled from events r
                             where tstzrange(r.event_start, crewup.effective_end(r.event_start, r.event_end)) @> $5::timestamptz offset 0
                         ) o
                         where (o.event_start, o.id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
                           and (cardinality($6::text[]) = 0 or o.event_type = any($6)) and ($7 or not o.is_cancelled)
                         order by o.event_start desc, o.id desc
                     ) n
                     cross join lateral (select y.* from crewup.events_seen_by($1, $2) y where y.id = n.id offset 0) x
                     order by n.event_start desc, n.id desc limit $8)
                )",
                viewer,
                false,
                "order by e.event_start desc, e.id desc limit $8",
                earlier.0,
                earlier.1,
                filter.from,
                types,
                all,
                page.limit(),
            )
            .fetch_all(db)
            .await?
        }
        Order::CreateDescending => {
            seen!(
                viewer,
                false,
                "where (e.created_at, e.id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
                   and e.effective_end > coalesce($5, '-infinity'::timestamptz) and coalesce(e.event_start < $6, true)
                   and (cardinality($7::text[]) = 0 or e.event_type = any($7)) and ($8 or not e.is_cancelled)
                 order by e.created_at desc, e.id desc limit $9",
                at,
                id,
                filter.from,
                filter.before,
                types,
                all,
                page.limit(),
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows)
}

/// The events that one person made or answered: hundreds, so that any order is a sort. Which index leads is decided by
/// what the filter names: the answers, of which the creator then is a condition, or else the creator.
async fn list_of_person(
    db: &mut PgConnection,
    viewer: UserId,
    filter: &Filter,
    order: Order,
    page: &Page<Key>,
) -> Result<Vec<Event>> {
    let by_creation = order == Order::CreateDescending;
    let ascending = matches!(order, Order::Unspecified | Order::StartAscending);
    let after = page.after.as_ref();
    let rows = seen!(
        viewer,
        false,
        "cross join lateral (select case when $10 then e.created_at else e.event_start end as at) k
         where e.id = any(array(
               select a.event_id from event_attendees a
               where cardinality($4::text[]) > 0 and a.user_id = $1 and a.status = any($4)
               union all
               select o.id from events o where cardinality($4) = 0 and o.creator_id = $3::uuid))
           and ($3 is null or e.creator_id = $3)
           and e.effective_end > coalesce($5, '-infinity'::timestamptz) and e.event_start < coalesce($6, 'infinity'::timestamptz)
           and (cardinality($7::text[]) = 0 or e.event_type = any($7)) and ($8 or not e.is_cancelled)
           and ($12::timestamptz is null or case when $11 then (k.at, e.id) > ($12, $13::uuid) else (k.at, e.id) < ($12, $13) end)
         order by case when $11 then k.at end, case when $11 then e.id end, k.at desc, e.id desc
         limit $9",
        filter.creator.map(|id| id.0),
        &filter.my_statuses,
        filter.from,
        filter.before,
        &filter.types,
        filter.include_cancelled,
        page.limit(),
        by_creation,
        ascending,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How many match on all pages.
#[tracing::instrument(skip_all)]
pub(crate) async fn count(db: &mut PgConnection, viewer: UserId, filter: &Filter) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from crewup.events_seen_by($1, false) e
           where ($2::uuid is null or e.creator_id = $2)
             and (cardinality($3::text[]) = 0 or e.my_status = any($3))
             and e.effective_end > coalesce($4, '-infinity'::timestamptz) and e.event_start < coalesce($5, 'infinity'::timestamptz)
             and (cardinality($6::text[]) = 0 or e.event_type = any($6)) and ($7 or not e.is_cancelled)"#,
        viewer.0,
        filter.creator.map(|id| id.0),
        &filter.my_statuses,
        filter.from,
        filter.before,
        &filter.types,
        filter.include_cancelled,
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}
