//! Finding events by text and by place. Answers ids with their sort key; the events themselves are read by id.
//!
//! What the index finds is materialized before the events are joined: the planner takes one row for what are thousands,
//! and joined in one go it read all seats once for each of them (3 s for the demo city, 20 ms so).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

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

/// One thing found.
pub(crate) struct Found {
    pub(crate) id: EventId,
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
    let rows = sqlx::query_as!(
        Found,
        r#"with q as (
               select crewup.fold($2) as folded,
                      '%' || replace(replace(replace(crewup.fold($2), '\', '\\'), '%', '\%'), '_', '\_') || '%' as part
           ), found as materialized (
               select e.id, e.event_start,
                      1000 * (word_similarity(q.folded, e.search_text)
                              + case when e.search_text like q.part then 1 else 0 end) as likeness,
                      case when $3::float8 is not null and e.latitude is not null then
                          round(crewup.distance_m(e.latitude::float8, e.longitude::float8, $3, $4)) end as meters
               from q
               cross join events e
               where q.folded <> '' and (q.folded <% e.search_text or e.search_text like q.part)
                 and not e.is_cancelled
                 and (not $6 or crewup.effective_end(e.event_start, e.event_end) > crewup.now())
                 and crewup.effective_end(e.event_start, e.event_end) > coalesce($7, '-infinity'::timestamptz)
                 and e.event_start < coalesce($8, 'infinity'::timestamptz)
                 and (cardinality($9::text[]) = 0 or e.event_type = any($9))
           )
           select e.id as "id!: EventId", k.key as "key!", f.meters::integer as meters
           from found f
           join crewup.events_seen_by($1, false) e on e.id = f.id
           cross join lateral (
               select case $11::integer
                   when 1 then -f.likeness::bigint
                   when 2 then f.meters::bigint
                   else (extract(epoch from f.event_start) * 1000000)::bigint end as key) k
           where (not $10 or e.capacity is null or e.waiting = 0 and e.going < e.capacity)
             and ($5::float8 is null or f.meters <= $5)
             and (k.key, e.id) > (coalesce($12, -9223372036854775808), coalesce($13, '00000000-0000-0000-0000-000000000000'::uuid))
           order by k.key, e.id
           limit $14"#,
        viewer.0,
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
    let rows = sqlx::query_as!(
        Found,
        r#"with near as materialized (
               select e.id, e.event_start,
                      round(crewup.distance_m(e.latitude::float8, e.longitude::float8, $2, $3)) as meters
               from events e
               where e.latitude is not null
                 and (crewup.mercator(e.latitude::float8, e.longitude::float8)
                         <@ box(crewup.mercator($5, $7), crewup.mercator($6, $8))
                      or crewup.mercator(e.latitude::float8, e.longitude::float8)
                         <@ box(crewup.mercator($5, $9), crewup.mercator($6, $10)))
                 and not e.is_cancelled
                 and (not $11 or crewup.effective_end(e.event_start, e.event_end) > crewup.now())
                 and crewup.effective_end(e.event_start, e.event_end) > coalesce($12, '-infinity'::timestamptz)
                 and e.event_start < coalesce($13, 'infinity'::timestamptz)
                 and (cardinality($14::text[]) = 0 or e.event_type = any($14))
           )
           select e.id as "id!: EventId", k.key as "key!", n.meters::integer as meters
           from near n
           join crewup.events_seen_by($1, false) e on e.id = n.id
           cross join lateral (
               select case when $16 then n.meters::bigint
                   else (extract(epoch from n.event_start) * 1000000)::bigint end as key) k
           where n.meters <= $4
             and (not $15 or e.capacity is null or e.waiting = 0 and e.going < e.capacity)
             and (k.key, e.id) > (coalesce($17, -9223372036854775808), coalesce($18, '00000000-0000-0000-0000-000000000000'::uuid))
           order by k.key, e.id
           limit $19"#,
        viewer.0,
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
