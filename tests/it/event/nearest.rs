//! E22: the pages of a search by place against all distances, computed here.

use crewup_proto::{
    common::TimeWindow,
    event::{search_events_request::Order, *},
    google::r#type::LatLng,
};
use crewup_tests::{Mesh, Persona, persona::in_hours};
use uuid::Uuid;

use super::search::search_all;

/// Events by number: a dense town, more at exactly one place than a search looks at, thinly around, the far north, both
/// sides of the antimeridian, and where the map of the index ends. Among them private, cancelled, deleted, full and
/// past ones; whole thousandths of a degree make many equal distances.
const EVENTS: &str = "
    with numbered as (
        select n, n % 10 as kind, n * 0.618033988749895 % 1 as a, n * 0.754877666246693 % 1 as b
        from generate_series(1, 4000) n
    ), placed as (
        select n, kind,
               case when kind < 4 then round((47.35 + a * 0.05)::numeric, 3)
                    when kind < 6 then 47.377
                    when kind = 6 then 46.5 + a * 2
                    when kind = 7 then 69.0 + a * 1.5
                    when kind = 8 then -17.2 + a * 0.4
                    else 83.8 + a * 6.2 end as latitude,
               case when kind < 4 then round((8.50 + b * 0.08)::numeric, 3)
                    when kind < 6 then 8.541
                    when kind = 6 then 7.5 + b * 2
                    when kind = 7 then 17.0 + b * 4
                    when kind = 8 then case when b < 0.5 then 180 - b else -180 + (b - 0.5) end
                    else b * 40 - 20 end as longitude
        from numbered
    ), made as (
        insert into events (
            id, creator_id, name, event_type, address, latitude, longitude, event_start, event_end, created_at,
            is_public, is_cancelled, cancelled_at, deleted_at
        )
        select md5(n::text)::uuid, $1::uuid, 'Event ' || n, case when n % 3 = 0 then 'bar' else 'club' end, 'Street 1',
               round(latitude::numeric, 8), round(longitude::numeric, 8),
               crewup.now() + make_interval(hours => n % 200 - 40),
               case when n % 2 = 0 then crewup.now() + make_interval(hours => n % 200 - 36) end,
               crewup.now() - interval '10 days', n % 7 > 0, n % 11 = 0,
               case when n % 11 = 0 then crewup.now() end, case when n % 37 = 0 then crewup.now() end
        from placed
        returning id, substr(name, 7)::integer as n
    )
    insert into event_seats (event_id, capacity, going)
    select id, case when n % 2 = 0 then 5 end, case when n % 4 = 0 then 5 else 1 end
    from made";

/// What the events are, as the table has them.
const ALL: &str = "
    select e.id, e.latitude::float8, e.longitude::float8, e.is_public,
           not e.is_cancelled and e.deleted_at is null as takes_place,
           coalesce(e.event_end, e.event_start + interval '24 hours') > crewup.now() as not_over,
           e.event_start < to_timestamp($1)
               and coalesce(e.event_end, e.event_start + interval '24 hours') > to_timestamp($2)
               as in_window,
           e.event_type = 'bar' as is_bar, s.capacity is null or s.going < s.capacity as has_free_seats
    from events e
    join event_seats s on s.event_id = e.id";

#[derive(sqlx::FromRow)]
#[allow(clippy::struct_excessive_bools, reason = "each is a condition of its own")]
struct Row {
    id: Uuid,
    latitude: f64,
    longitude: f64,
    is_public: bool,
    takes_place: bool,
    not_over: bool,
    in_window: bool,
    is_bar: bool,
    has_free_seats: bool,
}

impl Row {
    fn meters(&self, center: LatLng) -> i32 {
        let (from, to) = (center.latitude.to_radians(), self.latitude.to_radians());
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let chord =
            half(self.latitude - center.latitude) + from.cos() * to.cos() * half(self.longitude - center.longitude);
        #[allow(clippy::cast_possible_truncation, reason = "at most half way round the Earth")]
        let meters = (2.0 * 6_371_008.8 * chord.sqrt().asin()).round() as i32;
        meters
    }

    fn answers(&self, request: &SearchEventsRequest) -> bool {
        let in_time = if request.window.is_some() { self.in_window } else { self.not_over };
        self.takes_place
            && in_time
            && (request.types.is_empty() || self.is_bar)
            && (!request.only_with_free_seats || self.has_free_seats)
    }
}

/// All pages: (metres, id) of each event found.
async fn pages(person: &Persona, request: SearchEventsRequest) -> Vec<(i32, Uuid)> {
    let found = search_all(person, request).await.into_iter();
    found.map(|found| (found.distance_meters.unwrap(), found.event.unwrap().id.parse().unwrap())).collect()
}

fn around(latitude: f64, longitude: f64, radius_meters: i32) -> SearchEventsRequest {
    let area = Some(Area { center: Some(LatLng { latitude, longitude }), radius_meters });
    SearchEventsRequest { area, order: Order::Distance.into(), page_size: 100, ..Default::default() }
}

#[tokio::test]
async fn e21_e22_every_page_of_the_nearest_is_what_all_distances_say() {
    let mesh = Mesh::start().await;
    let (host, stranger) = (mesh.person("host"), mesh.person("stranger"));
    let creator: Uuid = host.id().await.parse().unwrap();
    let window = TimeWindow { start_time: Some(in_hours(24)), end_time: Some(in_hours(48)) };
    let mut conn = mesh.db.connect().await;
    sqlx::query(EVENTS).bind(creator).execute(&mut conn).await.unwrap();
    sqlx::query("analyze events, event_seats").execute(&mut conn).await.unwrap();
    #[allow(clippy::cast_precision_loss, reason = "seconds of this century")]
    let (before, after) = (in_hours(48).seconds as f64, in_hours(24).seconds as f64);
    let all: Vec<Row> = sqlx::query_as(ALL).bind(before).bind(after).fetch_all(&mut conn).await.unwrap();

    let mut searches = Vec::new();
    for area in [
        around(47.377, 8.541, 1),
        around(47.377, 8.541, 700),
        around(47.3771, 8.5403, 100_000),
        around(47.36, 8.52, 3_000),
        around(47.361, 8.579, 20_000),
        around(46.9, 8.1, 90_000),
        around(69.7, 18.9, 60_000),
        around(70.4, 20.9, 100_000),
        around(-17.0, 179.8, 80_000),
        around(-17.0, 179.0, 90_000),
        around(84.2, 0.0, 50_000),
        around(84.3, 3.0, 100_000),
        around(89.5, 0.0, 100_000),
        around(0.0, 0.0, 100_000),
    ] {
        searches.push(SearchEventsRequest {
            page_size: 7,
            only_with_free_seats: true,
            window: Some(window),
            ..area.clone()
        });
        searches.push(SearchEventsRequest { types: vec![EventType::Bar.into()], ..area.clone() });
        searches.push(area);
    }
    for search in &searches {
        let center = search.area.unwrap().center.unwrap();
        let radius = search.area.unwrap().radius_meters;
        for (person, sees_private) in [(&host, true), (&stranger, false)] {
            let mut expected: Vec<_> = all
                .iter()
                .filter(|row| (row.is_public || sees_private) && row.answers(search))
                .map(|row| (row.meters(center), row.id))
                .filter(|(meters, _)| *meters <= radius)
                .collect();
            expected.sort();
            assert!(pages(person, search.clone()).await == expected, "{search:?} of {}", expected.len());
        }
    }
}
