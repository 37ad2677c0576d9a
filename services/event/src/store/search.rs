//! Finding events by text and by place, in one statement of three steps: what the index finds, the page of it that the
//! viewer may see, and the events of the page.
//!
//! What the index finds is sorted before the seats are joined: the planner takes one row for what are thousands, and joined in
//! one go it read all seats once for each of them (3 s for the demo city, 20 ms so). So seats are read until the page is full.
//! The viewer's own answer and the like are read for the page only.
//!
//! An event that is not over, or that overlaps a window, started at most 31 days before: 7 by E1, and some more for adopted
//! rows. So the indexes leave out the past.

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
    /// West and east of a box.
    span: [f64; 2],
    /// And of a second one.
    other_span: Option<[f64; 2]>,
}

impl Circle {
    /// Degrees and metres.
    pub(crate) fn new(latitude: f64, longitude: f64, radius: f64) -> Self {
        // A little more than the sphere of crewup.distance_m needs: the exact distance decides.
        const METERS_PER_DEGREE: f64 = 111_000.0;
        // By a metre, because distances are in whole metres.
        let reach = (radius + 1.0) / METERS_PER_DEGREE;
        let (south, north) = ((latitude - reach).max(-90.0), (latitude + reach).min(90.0));
        let widest = south.abs().max(north.abs()).to_radians().cos();
        let half = reach / widest;
        // Around a pole every longitude is near.
        let (span, other_span) = if north >= 90.0 || south <= -90.0 || half >= 180.0 || !half.is_finite() {
            ([-180.0, 180.0], None)
        } else {
            let (west, east) = (longitude - half, longitude + half);
            if west < -180.0 {
                ([-180.0, east], Some([west + 360.0, 180.0]))
            } else if east > 180.0 {
                ([west, 180.0], Some([-180.0, east - 360.0]))
            } else {
                ([west, east], None)
            }
        };
        Self { latitude, longitude, radius, south, north, span, other_span }
    }

    /// Whether near on the map of the index is near on Earth: nothing of the circle is beyond the antimeridian or where
    /// latitudes are clamped.
    fn is_on_one_map(&self) -> bool {
        self.other_span.is_none() && self.south > -85.0 && self.north < 85.0
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

/// Led by the trigram index, in two tiers: what has all words as they stand, then what is only alike (E23). By relevance no row
/// of the second comes before one of the first, so it is not looked for where the first fills the page: the tiers are taken
/// one after the other, each sorted, until the limit. (No `order by` beside it: it would need both whole. One row of a
/// `generate_series` and then the next is the order of a nested loop, and the laterals allow nothing else.) By another
/// order there is one tier of both.
///
/// The first three words lead, and the others are compared. To be alike costs ten times as much to test, so it is tested
/// once by the index and once for the order, and not where the text as it stands is among whole words: that is as alike
/// as can be. What the index cannot answer comes after an `offset`: among the conditions, a bound on the start looks
/// cheaper to the planner, which then compares every event to come.
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
        "with q as materialized (
              select w.folded, w.parts, w.first, w.second, w.third, w.whole from crewup.searched($3) w
          )
          select s.id, o.key, o.meters::integer as meters
          from q
          cross join generate_series(1, case $12::integer when 1 then 2 else 1 end) t (tier)
          cross join lateral (
              select n.id, n.key, n.meters
              from (
                  select e.id, m.meters,
                         case $12::integer
                             when 1 then -round(case
                                 when e.has_all and ' ' || e.search_text || ' ' like q.whole then 3000
                                 when e.has_all then 2000 + 1000 * word_similarity(q.folded, e.search_text)
                                 else 1000 * word_similarity(q.folded, e.search_text) end)::bigint
                             when 2 then m.meters::bigint
                             else (extract(epoch from e.event_start) * 1000000)::bigint end as key
                  from (
                      select a.id, a.search_text, a.event_start, a.event_end, a.event_type, a.is_cancelled, a.latitude,
                             a.longitude, true as has_all
                      from events a
                      where t.tier = 1
                        and a.search_text like q.first and a.search_text like q.second and a.search_text like q.third
                        and (a.event_start at time zone 'UTC')::date
                            >= (coalesce(greatest($8, case when $7 then crewup.now() end) - interval '31 days', '-infinity')
                                at time zone 'UTC')::date
                      union all
                      select a.id, a.search_text, a.event_start, a.event_end, a.event_type, a.is_cancelled, a.latitude,
                             a.longitude, false
                      from events a
                      where (t.tier = 2 or $12::integer <> 1)
                        and a.search_text %> q.folded
                        and (a.event_start at time zone 'UTC')::date
                            >= (coalesce(greatest($8, case when $7 then crewup.now() end) - interval '31 days', '-infinity')
                                at time zone 'UTC')::date
                      offset 0
                  ) e
                  cross join lateral (
                      select case when $4::float8 is not null and e.latitude is not null then
                          round(crewup.distance_m(e.latitude::float8, e.longitude::float8, $4, $5)) end as meters) m
                  where (e.search_text like all (q.parts)) = e.has_all
                    and not e.is_cancelled
                    and (not $7 or crewup.effective_end(e.event_start, e.event_end) > crewup.now())
                    and crewup.effective_end(e.event_start, e.event_end) > coalesce($8, '-infinity'::timestamptz)
                    and e.event_start < coalesce($9, 'infinity'::timestamptz)
                    and (cardinality($10::text[]) = 0 or e.event_type = any($10))
                    and ($6::float8 is null or m.meters <= $6)
                  offset 0
              ) n
              where (n.key, n.id)
                  > (coalesce($13, -9223372036854775808), coalesce($14, '00000000-0000-0000-0000-000000000000'::uuid))
              order by n.key, n.id
          ) o
          cross join lateral (select x.* from crewup.events_seen_by($1, $2) x where x.id = o.id offset 0) s
          where q.folded <> ''
            and (not $11 or s.capacity is null or s.waiting = 0 and s.going < s.capacity)
          limit $15",
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
///
/// In a town the box holds thousands. For a page of the nearest, the index walks outward from the centre until it has a
/// page of rows that answer the search. The page lies within the farthest of them, whichever they are: this distance
/// takes the place of the radius (ADR 0015). Where the nearest 500 hold no such page, or where what is near on the map
/// of the index may not be near on Earth, the radius stays.
async fn by_place(
    db: &mut PgConnection,
    viewer: UserId,
    area: &Circle,
    search: &Search,
    page: &Page<Key>,
) -> Result<Vec<Found>> {
    let after = page.after.as_ref();
    let walks = search.by == By::Distance && area.is_on_one_map();
    let rows = seen!(
        found viewer,
        "with nearest as materialized (
             select o.meters
             from (
                 select p.id, crewup.distance_m(p.latitude::float8, p.longitude::float8, $3, $4) as meters
                 from events p
                 where $21 and p.latitude is not null
                   and crewup.mercator(p.latitude::float8, p.longitude::float8)
                       <@ box(crewup.mercator($6, $8), crewup.mercator($7, $9))
                   and p.event_start
                       > coalesce(greatest($13, case when $12 then crewup.now() end) - interval '31 days', '-infinity')
                   and p.event_start < coalesce($14, 'infinity'::timestamptz)
                 order by crewup.mercator(p.latitude::float8, p.longitude::float8) <-> crewup.mercator($3, $4)
                 limit 500
             ) o
             cross join lateral (select x.* from crewup.events_seen_by($1, $2) x where x.id = o.id offset 0) s
             where not s.is_cancelled
               and (not $12 or s.effective_end > crewup.now())
               and s.effective_end > coalesce($13, '-infinity'::timestamptz)
               and (cardinality($15::text[]) = 0 or s.event_type = any($15))
               and (not $16 or s.capacity is null or s.waiting = 0 and s.going < s.capacity)
               and (round(o.meters)::bigint, s.id)
                   > (coalesce($18, -9223372036854775808), coalesce($19, '00000000-0000-0000-0000-000000000000'::uuid))
             limit $20
         ), reach as (
             select 1 + case when count(*) = $20 then least($5, max(n.meters)) else $5 end as meters from nearest n
         ), square as (
             select case when $21 then box(point(c.at[0] - c.half, c.at[1] - c.half),
                                           point(c.at[0] + c.half, c.at[1] + c.half))
                         else box(crewup.mercator($6, $8), crewup.mercator($7, $9)) end as area
             from reach r
             cross join lateral (
                 select crewup.mercator($3, $4) as at,
                        r.meters / 111000 / cos(radians(abs($3) + r.meters / 111000)) as half) c
         ), near as materialized (
             select o.id, o.event_start,
                    round(crewup.distance_m(o.latitude::float8, o.longitude::float8, $3, $4)) as meters
             from events o
             where o.latitude is not null
               and (crewup.mercator(o.latitude::float8, o.longitude::float8) <@ (select q.area from square q)
                    or crewup.mercator(o.latitude::float8, o.longitude::float8)
                       <@ box(crewup.mercator($6, $10), crewup.mercator($7, $11)))
               and o.event_start
                       > coalesce(greatest($13, case when $12 then crewup.now() end) - interval '31 days', '-infinity')
               and not o.is_cancelled
               and (not $12 or crewup.effective_end(o.event_start, o.event_end) > crewup.now())
               and crewup.effective_end(o.event_start, o.event_end) > coalesce($13, '-infinity'::timestamptz)
               and o.event_start < coalesce($14, 'infinity'::timestamptz)
               and (cardinality($15::text[]) = 0 or o.event_type = any($15))
         )
         select s.id, o.key, o.meters::integer as meters
         from (
             select n.id, n.meters, k.key
             from near n
             cross join lateral (
                 select case when $17 then n.meters::bigint
                     else (extract(epoch from n.event_start) * 1000000)::bigint end as key) k
             where n.meters <= $5
               and (k.key, n.id)
                   > (coalesce($18, -9223372036854775808), coalesce($19, '00000000-0000-0000-0000-000000000000'::uuid))
             order by k.key, n.id
         ) o
         cross join lateral (select x.* from crewup.events_seen_by($1, $2) x where x.id = o.id offset 0) s
         where not $16 or s.capacity is null or s.waiting = 0 and s.going < s.capacity
         order by o.key, o.id
         limit $20",
        area.latitude,
        area.longitude,
        area.radius,
        area.south,
        area.north,
        area.span[0],
        area.span[1],
        area.other_span.map(|span| span[0]),
        area.other_span.map(|span| span[1]),
        search.not_over,
        search.from,
        search.before,
        &search.types,
        search.only_with_free_seats,
        search.by == By::Distance,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
        walks,
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
        assert!(circle.span[0] < 179.9 && (circle.span[1] - 180.0).abs() < 1e-9);
        assert!(
            circle.other_span.is_some_and(|[west, east]| (west + 180.0).abs() < 1e-9 && east > -180.0 && east < -179.0)
        );
        assert!(!circle.is_on_one_map());
    }

    #[test]
    fn e22_a_circle_around_a_pole_spans_all_longitudes() {
        let circle = Circle::new(89.9, 10.0, 50_000.0);
        assert_eq!((circle.span, circle.other_span), ([-180.0, 180.0], None));
        assert!(!circle.is_on_one_map());
    }

    #[test]
    fn e22_only_short_of_the_clamped_latitude_is_a_circle_on_one_map() {
        assert!(Circle::new(-84.0, 10.0, 50_000.0).is_on_one_map());
        assert!(!Circle::new(84.9, 10.0, 50_000.0).is_on_one_map());
        assert!(!Circle::new(-84.9, 10.0, 50_000.0).is_on_one_map());
    }
}
