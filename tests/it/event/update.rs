use chrono::Duration;
use crewup_proto::{event::Event, google::r#type::LatLng};
use crewup_tests::{
    Mesh,
    persona::{in_hours, party},
    refusal::{reason, refused},
};

use super::told;

#[tokio::test]
async fn e6_only_the_fields_of_the_mask_change_and_absent_clears() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(Event { description: "Old".into(), ..party(Some(5)) }).await.unwrap();
    let edit = Event { id: made.id.clone(), name: "New".into(), description: "Ignored".into(), ..Default::default() };
    let edited = host.update(edit.clone(), &["name", "max_attendees"]).await.unwrap();
    assert_eq!((edited.name.as_str(), edited.description.as_str()), ("New", "Old"));
    assert_eq!((edited.max_attendees, edited.free_seats), (None, None), "absent is not left alone: it is cleared");
    assert_eq!(edited.address, made.address);
}

#[tokio::test]
async fn e6_an_empty_or_unknown_mask_is_refused() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    for mask in [&[][..], &["creator_id"], &["location.latitude"], &["*"]] {
        let refusal = refused(host.update(made.clone(), mask).await);
        assert_eq!((refusal.reason.as_str(), refusal.fields), ("INVALID_FIELDS", vec!["update_mask".to_owned()]));
    }
}

#[tokio::test]
async fn e6_a_stale_etag_is_aborted_none_is_last_write_wins_and_counters_do_not_count() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(Some(5))).await.unwrap();
    guest.go(&made.id).await.unwrap();
    let first = host.update(Event { name: "First".into(), ..made.clone() }, &["name"]).await.unwrap();
    assert_ne!(first.etag, made.etag);
    let second = host.update(Event { name: "Second".into(), ..made.clone() }, &["name"]).await;
    assert_eq!(reason(second), "STALE_ETAG");
    let blind = Event { name: "Blind".into(), etag: String::new(), ..made };
    assert_eq!(host.update(blind, &["name"]).await.unwrap().name, "Blind");
}

#[tokio::test]
async fn e5_only_the_creator_edits() {
    let mesh = Mesh::start().await;
    let made = mesh.person("host").create(party(None)).await.unwrap();
    assert_eq!(reason(mesh.person("guest").update(made.clone(), &["name"]).await), "NOT_OWNER");
    assert_eq!(reason(mesh.person("mod").update(made, &["name"]).await), "NOT_OWNER", "a moderator only cancels");
}

#[tokio::test]
async fn e5_after_the_start_only_the_description_and_a_later_end_can_change() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::minutes(5)).await;
    let edit = |event: Event, field: &'static str| host.update(event, std::slice::from_ref(&field).to_vec().leak());
    assert_eq!(reason(edit(Event { name: "Late".into(), ..made.clone() }, "name").await), "EVENT_STARTED");
    edit(Event { description: "Bring water".into(), ..made.clone() }, "description").await.unwrap();
    let end = |hours: i64| Event { etag: String::new(), end_time: Some(in_hours(7 * 24 + hours)), ..made.clone() };
    edit(end(8), "end_time").await.unwrap();
    assert_eq!(reason(edit(end(7), "end_time").await), "EVENT_STARTED", "an end is never brought forward");
}

#[tokio::test]
async fn e5_after_the_end_nothing_changes() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    mesh.db.advance(Duration::days(8)).await;
    assert_eq!(reason(host.update(made.clone(), &["description"]).await), "EVENT_OVER");
    assert_eq!(reason(host.cancel(&made.id).await), "EVENT_OVER");
}

#[tokio::test]
async fn e6_the_start_rule_applies_only_if_the_start_is_in_the_mask() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made =
        host.create(Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(3)), ..party(None) }).await.unwrap();
    mesh.db.advance(Duration::minutes(45)).await;
    host.update(Event { name: "Soon".into(), etag: String::new(), ..made.clone() }, &["name"]).await.unwrap();
    let refusal = refused(host.update(Event { etag: String::new(), ..made.clone() }, &["start_time"]).await);
    assert_eq!(refusal.fields, ["event.start_time"]);
    let merged = Event { etag: String::new(), end_time: Some(in_hours(0)), ..made };
    assert_eq!(
        refused(host.update(merged, &["end_time"]).await).fields,
        ["event.end_time"],
        "against the start it has"
    );
}

#[tokio::test]
async fn e7_another_time_or_place_is_told_and_a_new_name_is_not() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    let edit = Event { etag: String::new(), name: "Other".into(), ..made.clone() };
    host.update(edit, &["name"]).await.unwrap();
    assert_eq!(told(&mesh, "event.changed", &made.id).await, 0);
    let moved = Event {
        etag: String::new(),
        location: Some(LatLng { latitude: 1.0, longitude: 2.0 }),
        start_time: Some(in_hours(100)),
        end_time: Some(in_hours(101)),
        ..made.clone()
    };
    host.update(moved.clone(), &["location"]).await.unwrap();
    host.update(moved, &["start_time", "end_time"]).await.unwrap();
    assert_eq!(told(&mesh, "event.changed", &made.id).await, 2);
}

#[tokio::test]
async fn e20_who_answered_a_public_event_still_sees_it_when_it_becomes_private() {
    let mesh = Mesh::start().await;
    let (host, guest, stranger) = (mesh.person("host"), mesh.person("guest"), mesh.person("stranger"));
    let made = host.create(party(None)).await.unwrap();
    guest.go(&made.id).await.unwrap();
    host.update(Event { is_public: Some(false), ..made.clone() }, &["is_public"]).await.unwrap();
    guest.get(&made.id).await.unwrap();
    assert_eq!(reason(stranger.get(&made.id).await), "NOT_FOUND");
}

#[tokio::test]
async fn e10_a_limit_that_an_edit_sets_keeps_a_waitlist_unless_it_says_otherwise() {
    let mesh = Mesh::start().await;
    let (host, guest, late) = (mesh.person("host"), mesh.person("guest"), mesh.person("late"));
    let limited = |made: &Event| Event { id: made.id.clone(), max_attendees: Some(2), ..Default::default() };
    let made = host.create(party(None)).await.unwrap();
    let edited = host.update(limited(&made), &["max_attendees"]).await.unwrap();
    assert_eq!(edited.waitlist_enabled, Some(true), "as where it is made with a limit");
    guest.go(&made.id).await.unwrap();
    assert_eq!(late.go(&made.id).await.unwrap().waitlist_position, Some(1));

    let made = host.create(party(None)).await.unwrap();
    let without = Event { waitlist_enabled: Some(false), ..limited(&made) };
    let edited = host.update(without, &["max_attendees", "waitlist_enabled"]).await.unwrap();
    assert_eq!(edited.waitlist_enabled, Some(false));
    let edited = host.update(Event { max_attendees: Some(3), ..limited(&made) }, &["max_attendees"]).await.unwrap();
    assert_eq!(edited.waitlist_enabled, Some(false), "another limit changes the limit only");
}
