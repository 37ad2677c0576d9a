//! Finding events by text and by place, in one statement of three steps: what the index finds, the page of it that the
//! viewer may see, and the events of the page.
//!
//! What the index finds is materialized before the seats are joined: the planner takes one row for what are thousands,
//! and joined in one go it read all seats once for each of them (3 s for the demo city, 20 ms so). The viewer's own
//! answer and the like are read for the page only.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{model::Event, store::seen};

/// What to search for.
pub(crate) struct Search {
    pub(crate) query: Option<String>,
    pub(crate) area: Option<Circle>,
    /// Without a window: events that are not over.
    pub(crate) not_over: bool,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) before: Option<DateTime<Utc>>,
    pub(crate) types: Vec<String>,
    pub(crate) only_with_free_seats: bool,
    pub(crate) by: By,
}

/// What comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Relevance,
    Distance,
    Start,
}

impl By {
    const fn number(self) -> i32 {
        match self {
            Self::Relevance => 1,
            Self::Distance => 2,
            Self::Start => 3,
        }
    }
}

/// The order of what was found: smaller first, then the id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) i64, pub(crate) EventId);

/// One thing found: the event, its place in the order, and how far it is from the centre of the area.
pub(crate) struct Found {
    pub(crate) event: Event,
    pub(crate) key: i64,
    pub(crate) meters: Option<i32>,
}

/// A circle on the Earth with the boxes of degrees that cover it: two where it crosses the antimeridian.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Circle {
    latitude: f64,
    longitude: f64,
    radius: f64,
    south: f64,
    north: f64,
    /// West and east of the first box, west and east of the second; the same twice where one is enough.
    spans: [f64; 4],
}

impl Circle {
    /// Degrees and metres.
    pub(crate) fn new(latitude: f64, longitude: f64, radius: f64) -> Self {
        // A little more than the sphere of crewup.distance_m needs: the exact distance decides.
        const METERS_PER_DEGREE: f64 = 111_000.0;
        let reach = radius / METERS_PER_DEGREE;
        let (south, north) = ((latitude - reach).max(-90.0), (latitude + reach).min(90.0));
        let widest = south.abs().max(north.abs()).to_radians().cos();
        let half = reach / widest;
        // Around a pole every longitude is near.
        let spans = if north >= 90.0 || south <= -90.0 || half >= 180.0 || !half.is_finite() {
            [-180.0, 180.0, -180.0, 180.0]
        } else {
            let (west, east) = (longitude - half, longitude + half);
            if west < -180.0 {
                [-180.0, east, west + 360.0, 180.0]
            } else if east > 180.0 {
                [west, 180.0, -180.0, east - 360.0]
            } else {
                [west, east, west, east]
            }
        };
        Self { latitude, longitude, radius, south, north, spans }
    }
}

/// One page, and one row more.
#[tracing::instrument(skip_all)]
pub(crate) async fn find(
    db: &mut PgConnection,
    viewer: UserId,
    search: &Search,
    page: &Page<Key>,
) -> Result<Vec<Found>> {
    match (&search.query, &search.area) {
        (Some(query), area) => by_text(db, viewer, query, area.as_ref(), search, page).await,
        (None, Some(area)) => by_place(db, viewer, area, search, page).await,
        (None, None) => Ok(Vec::new()),
    }
}

/// Led by the trigram index: a part of the text as it stands, or words that are alike (E23).
async fn by_text(
    db: &mut PgConnection,
    viewer: UserId,
    query: &str,
    area: Option<&Circle>,
    search: &Search,
    page: &Page<Key>,
) -> Result<Vec<Found>> {
    let after = page.after.as_ref();
    let rows = seen!(
        found viewer,
        r"join (
              with q as (
                  select crewup.fold($3) as folded,
                         '%' || replace(replace(replace(crewup.fold($3), '\', '\\'), '%', '\%'), '_', '\_') || '%' as part
              ), found as materialized (
                  select o.id, o.event_start,
                         1000 * (word_similarity(q.folded, o.search_text)
                                 + case when o.search_text like q.part then 1 else 0 end) as likeness,
                         case when $4::float8 is not null and o.latitude is not null then
                             round(crewup.distance_m(o.latitude::float8, o.longitude::float8, $4, $5)) end as meters
                  from q
                  cross join events o
                  where q.folded <> '' and (q.folded <% o.search_text or o.search_text like q.part)
                    and not o.is_cancelled
                    and (not $7 or crewup.effective_end(o.event_start, o.event_end) > crewup.now())
                    and crewup.effective_end(o.event_start, o.event_end) > coalesce($8, '-infinity'::timestamptz)
                    and o.event_start < coalesce($9, 'infinity'::timestamptz)
                    and (cardinality($10::text[]) = 0 or o.event_type = any($10))
              )
              select s.id, k.key, o.meters::integer as meters
              from found o
              join crewup.events_seen_by($1, $2) s on s.id = o.id
              cross join lateral (
                  select case $12::integer
                      when 1 then -o.likeness::bigint
                      when 2 then o.meters::bigint
                      else (extract(epoch from o.event_start) * 1000000)::bigint end as key) k
              where (not $11 or s.capacity is null or s.waiting = 0 and s.going < s.capacity)
                and ($6::float8 is null or o.meters <= $6)
                and (k.key, s.id)
                    > (coalesce($13, -9223372036854775808), coalesce($14, '00000000-0000-0000-0000-000000000000'::uuid))
              order by k.key, s.id
              limit $15
          ) f on f.id = e.id
          order by f.key, e.id",
        query,
        area.map(|area| area.latitude),
        area.map(|area| area.longitude),
        area.map(|area| area.radius),
        search.not_over,
        search.from,
        search.before,
        &search.types,
        search.only_with_free_seats,
        search.by.number(),
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Led by the index of places: what is in the box, then what is in the circle (E22).
async fn by_place(
    db: &mut PgConnection,
    viewer: UserId,
    area: &Circle,
    search: &Search,
    page: &Page<Key>,
) -> Result<Vec<Found>> {
    let after = page.after.as_ref();
    let rows = seen!(
        found viewer,
        "join (
             with near as materialized (
                 select o.id, o.event_start,
                        round(crewup.distance_m(o.latitude::float8, o.longitude::float8, $3, $4)) as meters
                 from events o
                 where o.latitude is not null
                   and (crewup.mercator(o.latitude::float8, o.longitude::float8)
                           <@ box(crewup.mercator($6, $8), crewup.mercator($7, $9))
                        or crewup.mercator(o.latitude::float8, o.longitude::float8)
                           <@ box(crewup.mercator($6, $10), crewup.mercator($7, $11)))
                   and not o.is_cancelled
                   and (not $12 or crewup.effective_end(o.event_start, o.event_end) > crewup.now())
                   and crewup.effective_end(o.event_start, o.event_end) > coalesce($13, '-infinity'::timestamptz)
                   and o.event_start < coalesce($14, 'infinity'::timestamptz)
                   and (cardinality($15::text[]) = 0 or o.event_type = any($15))
             )
             select s.id, k.key, o.meters::integer as meters
             from near o
             join crewup.events_seen_by($1, $2) s on s.id = o.id
             cross join lateral (
                 select case when $17 then o.meters::bigint
                     else (extract(epoch from o.event_start) * 1000000)::bigint end as key) k
             where o.meters <= $5
               and (not $16 or s.capacity is null or s.waiting = 0 and s.going < s.capacity)
               and (k.key, s.id)
                   > (coalesce($18, -9223372036854775808), coalesce($19, '00000000-0000-0000-0000-000000000000'::uuid))
             order by k.key, s.id
             limit $20
         ) f on f.id = e.id
         order by f.key, e.id",
        area.latitude,
        area.longitude,
        area.radius,
        area.south,
        area.north,
        area.spans[0],
        area.spans[1],
        area.spans[2],
        area.spans[3],
        search.not_over,
        search.from,
        search.before,
        &search.types,
        search.only_with_free_seats,
        search.by == By::Distance,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::Circle;

    #[test]
    fn e22_a_circle_across_the_antimeridian_has_two_boxes() {
        let circle = Circle::new(-17.0, 179.9, 50_000.0);
        assert!(circle.spans[0] < 179.9 && (circle.spans[1] - 180.0).abs() < 1e-9);
        assert!((circle.spans[2] + 180.0).abs() < 1e-9 && circle.spans[3] > -180.0 && circle.spans[3] < -179.0);
    }

    #[test]
    fn e22_a_circle_around_a_pole_spans_all_longitudes() {
        assert_eq!(Circle::new(89.9, 10.0, 50_000.0).spans, [-180.0, 180.0, -180.0, 180.0]);
    }
}
