//! What happens by time: escalation (S7), the end (S3), the wiping of places (S8). Time is the database's.

use std::time::Duration as Wait;

use chrono::Duration;
use crewup_proto::{
    google::r#type::LatLng,
    safety::{AcknowledgementType, Alert, AlertState, Place, RecipientKind, TriggerAlertRequest},
};
use crewup_tests::{Mesh, Persona};

use super::{crew, night_out, tonight};
use crate::process::sweep;

/// The alert once it is as `is` says.
pub(super) async fn until(viewer: &Persona, alert: &str, is: impl Fn(&Alert) -> bool) -> Alert {
    let became = async {
        loop {
            let seen = viewer.alert(alert).await.unwrap();
            if is(&seen) {
                return seen;
            }
            tokio::time::sleep(Wait::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Wait::from_secs(10), became).await.expect("it comes to that")
}

/// How often the alert was published so far.
async fn publications(mesh: &Mesh) -> i32 {
    let count = "select publish_count from alert_batches";
    sqlx::query_scalar(count).fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

#[tokio::test]
async fn s7_unanswered_the_crew_is_told_again_and_then_the_host_and_the_moderators() {
    let mesh = Mesh::start().await;
    let [host, guest, friend] = ["host", "guest", "friend"].map(|name| mesh.person(name));
    let (moderator, left_out) = (mesh.person("mod"), mesh.person("admin"));
    moderator.id().await;
    let event = tonight(&[&host, &guest, &friend]).await;
    // The host of the event is in no crew.
    crew(&event, "Night owls", &[&guest, &friend]).await;
    let call = TriggerAlertRequest { excluded_user_ids: vec![left_out.id().await], ..Default::default() };
    let alert = guest.raise_as(call).await.unwrap();
    assert_eq!(crewup_tests::refusal::reason(host.alert(&alert.id).await), "NOT_FOUND");
    friend.acknowledge(&alert.id, AcknowledgementType::Seen).await.unwrap();
    friend.acknowledge(&alert.id, AcknowledgementType::CannotHelp).await.unwrap();

    mesh.db.advance(Duration::seconds(61)).await;
    let first = until(&guest, &alert.id, |alert| alert.escalation_level == 1).await;
    assert_eq!(first.recipients.len(), 1);
    assert!(first.next_escalation_time.is_some());
    mesh.db.advance(Duration::seconds(120)).await;
    let second = until(&guest, &alert.id, |alert| alert.escalation_level == 2).await;
    let kinds: Vec<_> = second.recipients.iter().map(|one| one.kind()).collect();
    assert_eq!(kinds, [RecipientKind::Crew, RecipientKind::Host, RecipientKind::Moderator]);
    assert_eq!(second.next_escalation_time, None);
    host.acknowledge(&alert.id, AcknowledgementType::OnMyWay).await.unwrap();
    moderator.acknowledge(&alert.id, AcknowledgementType::Seen).await.unwrap();
    assert_eq!(crewup_tests::refusal::reason(left_out.alert(&alert.id).await), "NOT_FOUND");
    assert_eq!(publications(&mesh).await, 3);
    // Raised again it begins with the crews, and those who know of it still do.
    let again = guest.raise().await.unwrap();
    assert_eq!(again.escalation_level, 0);
    host.alert(&alert.id).await.unwrap();
}

#[tokio::test]
async fn s7_somebody_on_the_way_or_the_end_stops_it() {
    let (mesh, [host, guest, friend], ..) = night_out().await;
    let alert = guest.raise().await.unwrap();
    friend.acknowledge(&alert.id, AcknowledgementType::WithPerson).await.unwrap();
    // Taking it back does not start it again.
    friend.acknowledge(&alert.id, AcknowledgementType::Seen).await.unwrap();
    let mine = host.raise().await.unwrap();
    host.resolve_alert(&mine.id, "").await.unwrap();
    let last = friend.raise().await.unwrap();
    mesh.db.advance(Duration::seconds(400)).await;
    // The one that nobody answered shows that the worker was there.
    until(&friend, &last.id, |alert| alert.escalation_level == 2).await;
    assert_eq!(guest.alert(&alert.id).await.unwrap().escalation_level, 0);
    assert_eq!(host.alert(&mine.id).await.unwrap().escalation_level, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_three_replicas_raise_each_level_once() {
    let (mut mesh, [_, guest, _], ..) = night_out().await;
    for _ in 0..2 {
        mesh.add(&crewup_safety::SERVICE, &[]).await;
    }
    let alert = guest.raise().await.unwrap();
    mesh.db.advance(Duration::seconds(300)).await;
    until(&guest, &alert.id, |alert| alert.escalation_level == 2).await;
    // Each replica looks at least once more.
    tokio::time::sleep(Wait::from_millis(1200)).await;
    assert_eq!(publications(&mesh).await, 3);
    let changes: i64 = sqlx::query_scalar("select count(*) from outbox where topic = 'alert.changed'")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(changes, 3, "raised, level 1, level 2");
}

#[tokio::test]
async fn s3_an_alert_closes_twelve_hours_after_the_last_window_of_its_events() {
    let (mesh, [host, guest, friend], mut event, _) = night_out().await;
    let alert = guest.raise().await.unwrap();
    // Two hours after the start the host lets it last for another hour, and the window with it.
    mesh.db.advance(Duration::hours(3)).await;
    event.end_time = Some(crewup_tests::persona::in_hours(7));
    host.update(event, &["end_time"]).await.unwrap();
    // 6 + 2 + 12 hours after the beginning it would have closed.
    mesh.db.advance(Duration::minutes(17 * 60 + 30)).await;
    let put_off = until(&guest, &alert.id, |seen| seen.expire_time != alert.expire_time).await;
    assert_eq!(put_off.state(), AlertState::Active);
    mesh.db.advance(Duration::minutes(60)).await;
    let closed = until(&guest, &alert.id, |alert| alert.state() == AlertState::Expired).await;
    assert_eq!(closed.resolution, None);
    assert_eq!(crewup_tests::refusal::reason(guest.resolve_alert(&alert.id, "").await), "ALERT_CLOSED");
    assert_eq!(friend.alert(&alert.id).await.unwrap().state(), AlertState::Expired);
}

#[tokio::test]
async fn s8_a_place_is_wiped_thirty_days_after_the_end() {
    let (mesh, [_, guest, friend], ..) = night_out().await;
    let location = Some(LatLng { latitude: 47.0, longitude: 8.0 });
    let place = Some(Place { location, ..Default::default() });
    let alert = guest.raise_as(TriggerAlertRequest { place, ..Default::default() }).await.unwrap();
    guest.resolve_alert(&alert.id, "").await.unwrap();
    assert!(friend.alert(&alert.id).await.unwrap().place.is_some());
    mesh.db.advance(Duration::days(29)).await;
    sweep(&mesh, "safety").await;
    assert_eq!(places(mesh.db.connect().await).await, 1);
    mesh.db.advance(Duration::days(2)).await;
    sweep(&mesh, "safety").await;
    assert_eq!(places(mesh.db.connect().await).await, 0);
}

async fn places(mut db: sqlx::PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from alert_places").fetch_one(&mut db).await.unwrap()
}
