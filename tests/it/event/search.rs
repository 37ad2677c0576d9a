use chrono::Duration;
use crewup_proto::{
    common::TimeWindow,
    event::{search_events_request::Order, *},
    google::r#type::LatLng,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{in_hours, pages, party},
    refusal::refused,
};

async fn find(person: &Persona, request: SearchEventsRequest) -> Vec<FoundEvent> {
    person.events().search_events(request).await.unwrap().into_inner().results
}

/// All pages, one after the other.
pub(super) async fn search_all(person: &Persona, request: SearchEventsRequest) -> Vec<FoundEvent> {
    let page = async |request| {
        let page = person.events().search_events(request).await.unwrap().into_inner();
        (page.results, page.next_page_token)
    };
    pages(request, page).await
}

fn names(found: &[FoundEvent]) -> Vec<&str> {
    found.iter().map(|found| found.event.as_ref().unwrap().name.as_str()).collect()
}

fn text(query: &str) -> SearchEventsRequest {
    SearchEventsRequest { query: query.into(), ..Default::default() }
}

fn around(latitude: f64, longitude: f64, radius_meters: i32) -> SearchEventsRequest {
    let area = Some(Area { center: Some(LatLng { latitude, longitude }), radius_meters });
    SearchEventsRequest { area, ..Default::default() }
}

fn named(name: &str) -> Event {
    Event { name: name.into(), ..party(None) }
}

fn at(name: &str, latitude: f64, longitude: f64) -> Event {
    Event { location: Some(LatLng { latitude, longitude }), ..named(name) }
}

#[tokio::test]
async fn e23_text_ignores_case_and_accents_and_forgives_a_typo() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.create(named("Café Zähringer Jazz Night")).await.unwrap();
    host.create(named("Techno im Kaufleuten")).await.unwrap();
    for query in ["cafe zahringer", "CAFÉ", "zähringer jazz", "zaehringer jazz nigth", "jaz night", "Jazz"] {
        assert_eq!(names(&find(&host, text(query)).await), ["Café Zähringer Jazz Night"], "{query}");
    }
    assert_eq!(names(&find(&host, text("kaufleutn")).await), ["Techno im Kaufleuten"]);
}

#[tokio::test]
async fn e23_what_has_all_the_words_comes_before_what_is_only_alike() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.create(named("Matinée Session")).await.unwrap();
    host.create(named("Matinée, for once a long way from the Moods")).await.unwrap();
    let found = find(&host, text("moods matinee")).await;
    assert_eq!(names(&found), ["Matinée, for once a long way from the Moods", "Matinée Session"]);
}

#[tokio::test]
async fn e21_e23_pages_go_on_from_what_has_all_the_words_to_what_is_only_alike() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    for n in 0..4 {
        host.create(named(&format!("Techno Nacht {n}"))).await.unwrap();
        host.create(named(&format!("Tecno Nacht {n}"))).await.unwrap();
        host.create(Event { is_public: Some(false), ..named("Techno Nacht, hidden") }).await.unwrap();
    }
    for order in [Order::Relevance, Order::Start] {
        let request = SearchEventsRequest { order: order.into(), page_size: 100, ..text("techno nacht") };
        let whole = find(&guest, request.clone()).await;
        assert_eq!(whole.len(), 8);
        if order == Order::Relevance {
            assert!(names(&whole)[..4].iter().all(|name| name.starts_with("Techno")), "{:?}", names(&whole));
        }
        for page_size in 1..=9 {
            let paged = search_all(&guest, SearchEventsRequest { page_size, ..request.clone() }).await;
            assert_eq!(names(&paged), names(&whole), "{page_size} at once");
        }
    }
}

#[tokio::test]
async fn e23_wildcards_are_text_and_no_input_is_an_error() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.create(named("100% Vinyl")).await.unwrap();
    host.create(named("1000 Vinyl")).await.unwrap();
    assert_eq!(names(&find(&host, text("0% v")).await)[0], "100% Vinyl");
    assert!(find(&host, text("%")).await.len() == 1, "a wildcard would find both");
    assert!(find(&host, text("_")).await.is_empty());
    assert!(find(&host, text("\u{301}")).await.is_empty(), "an accent alone is no text");
    for odd in ["\\", "'", "\"; drop table events; --", "🎉", "(((", "a & | ! <->", "\u{301}", "a"] {
        find(&host, text(odd)).await;
    }
    assert_eq!(refused(host.events().search_events(text("a\0b")).await).fields, ["query"]);
}

#[tokio::test]
async fn e22_the_nearest_come_first_and_events_without_a_place_are_left_out() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    for event in [
        at("Opera", 47.365, 8.5467),
        at("Main station", 47.3779, 8.5403),
        at("Airport", 47.4502, 8.5618),
        named("Nowhere"),
        at("Null island", 0.0, 0.0),
    ] {
        host.create(event).await.unwrap();
    }
    let found = find(&host, around(47.3779, 8.5403, 5_000)).await;
    assert_eq!(names(&found), ["Main station", "Opera"]);
    assert_eq!(found[0].distance_meters, Some(0));
    let meters = found[1].distance_meters.unwrap();
    assert!((1_400..1_600).contains(&meters), "{meters}");
    assert_eq!(names(&find(&host, around(0.0, 0.0, 10)).await), ["Null island"]);
}

#[tokio::test]
async fn e22_places_across_the_antimeridian_and_at_the_poles_are_found() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    for event in [
        at("East of it", -17.0, -179.95),
        at("West of it", -17.0, 179.95),
        at("Pole", 90.0, 0.0),
        at("Near the pole", 89.9, 120.0),
    ] {
        host.create(event).await.unwrap();
    }
    assert_eq!(find(&host, around(-17.0, 179.99, 20_000)).await.len(), 2);
    assert_eq!(find(&host, around(-17.0, -179.99, 20_000)).await.len(), 2);
    assert_eq!(names(&find(&host, around(89.95, -60.0, 50_000)).await), ["Pole", "Near the pole"]);
}

#[tokio::test]
async fn e21_a_search_pages_by_every_order_without_gap_or_double() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    for number in 0..5_i32 {
        let start_time = Some(in_hours(48 + i64::from(number % 2)));
        let event =
            Event { start_time, ..at(&format!("Rooftop {number}"), 47.37, 8.54 + f64::from(number % 3) / 1000.0) };
        host.create(Event { end_time: None, ..event }).await.unwrap();
    }
    for order in [Order::Relevance, Order::Distance, Order::Start] {
        let request = SearchEventsRequest {
            query: "rooftop".into(),
            order: order.into(),
            page_size: 2,
            ..around(47.37, 8.54, 9_000)
        };
        let seen = search_all(&host, request).await;
        let unique: std::collections::HashSet<_> = seen.iter().map(|found| &found.event.as_ref().unwrap().id).collect();
        assert_eq!((seen.len(), unique.len()), (5, 5), "{order:?}");
    }
}

#[tokio::test]
async fn a_search_leaves_out_what_is_over_cancelled_or_full_as_asked() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let soon = host
        .create(Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(2)), ..named("Sunset one") })
        .await
        .unwrap();
    let full = host.create(Event { max_attendees: Some(2), ..named("Sunset two") }).await.unwrap();
    let gone = host.create(named("Sunset three")).await.unwrap();
    guest.go(&full.id).await.unwrap();
    host.cancel(&gone.id).await.unwrap();
    assert_eq!(find(&guest, text("sunset")).await.len(), 2);
    let free = SearchEventsRequest { only_with_free_seats: true, ..text("sunset") };
    assert_eq!(names(&find(&guest, free).await), ["Sunset one"]);
    mesh.db.advance(Duration::hours(3)).await;
    assert_eq!(names(&find(&guest, text("sunset")).await), ["Sunset two"]);
    let window = Some(TimeWindow { start_time: soon.start_time, end_time: soon.end_time });
    assert_eq!(names(&find(&guest, SearchEventsRequest { window, ..text("sunset") }).await), ["Sunset one"]);
}

#[tokio::test]
async fn e22_bounds_of_a_search_are_checked() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let fields = |request: SearchEventsRequest| {
        let mut events = host.events();
        async move { refused(events.search_events(request).await).fields }
    };
    assert_eq!(fields(SearchEventsRequest::default()).await, ["query"]);
    assert_eq!(fields(around(91.0, 0.0, 10)).await, ["area.center"]);
    for radius in [0, -1, 100_001] {
        assert_eq!(fields(around(0.0, 0.0, radius)).await, ["area.radius_meters"]);
    }
    assert_eq!(fields(SearchEventsRequest { order: Order::Relevance.into(), ..around(0.0, 0.0, 10) }).await, ["order"]);
    assert_eq!(fields(SearchEventsRequest { order: Order::Distance.into(), ..text("x") }).await, ["order"]);
}
