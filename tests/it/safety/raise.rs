//! Raising an alert (S1-S5, S8, S12, S13, S16).

use chrono::Duration;
use crewup_proto::{
    google::r#type::LatLng,
    safety::{Alert, AlertState, AlertType, Place, RecipientKind, TriggerAlertRequest},
};
use crewup_shared::convert::{instant, timestamp};
use crewup_tests::{
    Mesh,
    persona::{in_hours, request_id},
    refusal::{reason, refused},
};

use super::{crew, ids, night_out, reached, sorted, tonight};

fn place(latitude: f64, longitude: f64) -> Place {
    Place { location: Some(LatLng { latitude, longitude }), accuracy_meters: Some(12.5), record_time: None }
}

#[tokio::test]
async fn s2_one_call_makes_one_batch_with_a_row_for_each_crew_and_says_whom_it_reaches() {
    let mesh = Mesh::start().await;
    let [host, guest, friend, other] = ["host", "guest", "friend", "other"].map(|name| mesh.person(name));
    let event = tonight(&[&host, &guest, &friend, &other]).await;
    let owls = crew(&event, "Night owls", &[&host, &guest]).await;
    let larks = crew(&event, "Larks", &[&friend, &guest, &other]).await;

    let call = TriggerAlertRequest {
        r#type: AlertType::Medical.into(),
        message: "I feel faint".into(),
        place: Some(place(0.0, 8.5)),
        ..Default::default()
    };
    let alert = guest.raise_as(call).await.unwrap();
    assert_eq!(
        (alert.state(), alert.r#type(), alert.message.as_str()),
        (AlertState::Active, AlertType::Medical, "I feel faint")
    );
    assert_eq!(sorted(alert.crews.iter().map(|crew| crew.group_id.clone()).collect()), sorted(vec![owls, larks]));
    assert_eq!(alert.crews[0].event_address, event.address);
    assert_eq!(sorted(reached(&alert)), ids(&[&host, &friend, &other]).await);
    assert!(alert.recipients.iter().all(|one| one.kind() == RecipientKind::Crew && one.publish_time.is_some()));
    let sent = alert.place.unwrap();
    assert_eq!((sent.location.unwrap().latitude, sent.accuracy_meters), (0.0, Some(12.5)), "S8: 0 is a place");

    let rows: (i64, i64) = sqlx::query_as("select count(*), count(distinct batch_id) from safety_alerts")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(rows, (2, 1));
}

#[tokio::test]
async fn s2_when_a_row_cannot_be_written_nothing_is() {
    let (mesh, [_, guest, _], ..) = night_out().await;
    let mut db = mesh.db.connect().await;
    for statement in [
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$",
        "grant execute on function refuse() to public",
        "create trigger refuse before insert on safety_alerts for each row execute function refuse()",
    ] {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    assert_eq!(reason(guest.raise().await), "INTERNAL");
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from alert_batches) + (select count(*) from alert_recipients)
              + (select count(*) from idempotency where method like '%TriggerAlert')",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn s1_the_window_is_from_two_hours_before_the_start_to_two_hours_after_the_end() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let later = crewup_proto::event::Event {
        start_time: Some(in_hours(4)),
        end_time: Some(in_hours(6)),
        ..crewup_tests::persona::party(None)
    };
    let event = host.create(later).await.unwrap();
    guest.go(&event.id).await.unwrap();
    crew(&event, "Early birds", &[&host, &guest]).await;
    assert_eq!(reason(guest.raise().await), "NO_ACTIVE_CREW", "four hours before");
    mesh.db.advance(Duration::minutes(125)).await;
    let alert = guest.raise().await.unwrap();
    guest.resolve_alert(&alert.id, "").await.unwrap();
    mesh.db.advance(Duration::minutes(5 * 60 + 50)).await;
    let alert = guest.raise().await.unwrap();
    guest.resolve_alert(&alert.id, "").await.unwrap();
    mesh.db.advance(Duration::minutes(10)).await;
    assert_eq!(reason(guest.raise().await), "NO_ACTIVE_CREW", "two hours after the end");
}

#[tokio::test]
async fn s1_a_cancelled_event_does_not_close_the_window() {
    let (_mesh, [host, guest, friend], event, _) = night_out().await;
    host.cancel(&event.id).await.unwrap();
    let alert = guest.raise().await.unwrap();
    assert_eq!(sorted(reached(&alert)), ids(&[&host, &friend]).await);
}

#[tokio::test]
async fn s5_without_an_active_crew_it_is_no_silent_success_and_leaves_no_key() {
    let (_mesh, [host, guest, _], _, group) = night_out().await;
    let stranger_call = TriggerAlertRequest { group_ids: vec![group.clone()], ..Default::default() };
    let stranger = _mesh.person("stranger");
    assert_eq!(reason(stranger.raise_as(stranger_call).await), "NO_ACTIVE_CREW", "another's crew is passed over");
    let request_id = request_id();
    let nobody = TriggerAlertRequest {
        excluded_group_ids: vec![group.clone()],
        request_id: request_id.clone(),
        ..Default::default()
    };
    assert_eq!(reason(guest.raise_as(nobody).await), "NO_ACTIVE_CREW");
    let again = TriggerAlertRequest { request_id, ..Default::default() };
    assert_eq!(guest.raise_as(again).await.unwrap().crews[0].group_id, group);
    assert!(host.raise().await.is_ok(), "each has an alert of one's own");
}

#[tokio::test]
async fn s3_the_same_request_is_the_same_batch_and_another_one_raises_it_again() {
    let (mesh, [host, guest, friend], event, _) = night_out().await;
    let call = TriggerAlertRequest { message: "first".into(), request_id: request_id(), ..Default::default() };
    let first = guest.raise_as(call.clone()).await.unwrap();
    assert_eq!(guest.raise_as(call.clone()).await.unwrap(), first);
    let other = TriggerAlertRequest { message: "another".into(), ..call.clone() };
    assert_eq!(reason(guest.raise_as(other).await), "REQUEST_ID_REUSED");

    let larks = crew(&event, "Larks", &[&host, &guest]).await;
    mesh.db.advance(Duration::seconds(50)).await;
    let again = TriggerAlertRequest { r#type: AlertType::Harassment.into(), ..Default::default() };
    let second = guest.raise_as(again).await.unwrap();
    assert_eq!(second.id, first.id, "one open batch per person");
    assert_eq!((second.r#type(), second.message.as_str()), (AlertType::Harassment, "first"), "what is not said stays");
    assert_eq!(second.crews.len(), 2);
    assert!(second.crews.iter().any(|crew| crew.group_id == larks), "crews that are active now are added");
    let seconds = |alert: &Alert| {
        instant(alert.next_escalation_time.as_ref().unwrap()).unwrap()
            - instant(alert.create_time.as_ref().unwrap()).unwrap()
    };
    assert_eq!(seconds(&first).num_seconds(), 60);
    assert!(seconds(&second).num_seconds() >= 110, "the escalation starts again");
    // The second call's own key leads to the batch of the first.
    assert_eq!(friend.alert(&first.id).await.unwrap().crews.len(), 2);
    guest.resolve_alert(&first.id, "").await.unwrap();
    assert_ne!(guest.raise().await.unwrap().id, first.id);
}

#[tokio::test]
async fn s3_a_retry_of_a_second_call_answers_the_batch_of_the_first() {
    let (_mesh, [_, guest, _], ..) = night_out().await;
    let first = guest.raise().await.unwrap();
    let call = TriggerAlertRequest { request_id: request_id(), ..Default::default() };
    for _ in 0..2 {
        assert_eq!(guest.raise_as(call.clone()).await.unwrap().id, first.id);
    }
    guest.resolve_alert(&first.id, "").await.unwrap();
    let replay = guest.raise_as(call).await.unwrap();
    assert_eq!((replay.id, replay.state), (first.id, AlertState::Resolved.into()), "a late retry raises nothing");
}

#[tokio::test]
async fn s12_who_was_left_out_sees_nothing_whatever_the_role_and_a_block_holds_nothing_back() {
    let (mesh, [host, guest, friend], event, _) = night_out().await;
    let moderator = mesh.person("mod");
    moderator.id().await;
    friend.block(&guest.id().await).await.unwrap();
    let call =
        TriggerAlertRequest { excluded_user_ids: vec![host.id().await, moderator.id().await], ..Default::default() };
    let alert = guest.raise_as(call).await.unwrap();
    assert_eq!(reached(&alert), ids(&[&friend]).await, "the block of the friend stops nothing");
    let absent = refused(host.alert(&request_id()).await);
    for left_out in [&host, &moderator] {
        assert_eq!(refused(left_out.alert(&alert.id).await), absent);
        let answer = crewup_proto::safety::AcknowledgementType::Seen;
        assert_eq!(refused(left_out.acknowledge(&alert.id, answer).await), absent);
        assert_eq!(refused(left_out.resolve_alert(&alert.id, "why").await), absent);
    }
    // Raised again without a word, they stay left out; a crew that is added brings nobody back in.
    crew(&event, "Larks", &[&host, &guest]).await;
    let again = guest.raise().await.unwrap();
    assert_eq!(again.excluded_user_ids.len(), 2);
    assert_eq!(reached(&again), ids(&[&friend]).await);
    assert!(friend.alert(&alert.id).await.unwrap().excluded_user_ids.is_empty(), "for the sender only");
}

#[tokio::test]
async fn s12_a_crew_that_was_left_out_stays_so_and_its_members_may_be_in_another() {
    let (_mesh, [host, guest, friend], event, owls) = night_out().await;
    let larks = crew(&event, "Larks", &[&host, &guest]).await;
    let call = TriggerAlertRequest { excluded_group_ids: vec![owls.clone()], ..Default::default() };
    let alert = guest.raise_as(call).await.unwrap();
    assert_eq!(reached(&alert), ids(&[&host]).await);
    let again = guest.raise().await.unwrap();
    assert_eq!(again.crews.iter().map(|crew| crew.group_id.as_str()).collect::<Vec<_>>(), [larks.as_str()]);
    assert_eq!(again.excluded_group_ids, [owls]);
    assert_eq!(reason(friend.alert(&alert.id).await), "NOT_FOUND");
}

#[tokio::test]
async fn s8_a_place_that_was_recorded_before_the_one_held_is_ignored_and_none_is_fine() {
    let (_mesh, [_, guest, friend], ..) = night_out().await;
    let alert = guest.raise().await.unwrap();
    assert_eq!(alert.place, None);
    let at = |latitude, minutes: i64| {
        let time = instant(&in_hours(0)).unwrap() - Duration::minutes(minutes);
        Alert {
            id: alert.id.clone(),
            place: Some(Place { record_time: Some(timestamp(time)), ..place(latitude, 8.0) }),
            ..Default::default()
        }
    };
    let seen = |alert: &Alert| alert.place.unwrap().location.unwrap().latitude;
    assert_eq!(seen(&guest.change(at(1.0, 10), &["place"]).await.unwrap()), 1.0);
    assert_eq!(seen(&guest.change(at(2.0, 5), &["place"]).await.unwrap()), 2.0);
    assert_eq!(
        seen(&guest.change(at(3.0, 8), &["place"]).await.unwrap()),
        2.0,
        "a late call cannot put the sender back"
    );
    assert_eq!(seen(&friend.alert(&alert.id).await.unwrap()), 2.0);
    let none = Alert { id: alert.id.clone(), ..Default::default() };
    assert_eq!(guest.change(none, &["place"]).await.unwrap().place, None);
}

#[tokio::test]
async fn s13_raising_an_alert_depends_on_no_other_service() {
    let (mut mesh, [_, guest, _], ..) = night_out().await;
    guest.id().await;
    for service in ["event", "group", "user"] {
        mesh.stop_one(service).await;
    }
    // A token that no profile has followed yet: the user service would be asked.
    let claims = crewup_issuer::Person::named("guest")
        .with_issued_at(i64::try_from(crewup_shared::clock::unix_seconds()).unwrap() + 5);
    let token = mesh.issuer().token(&claims);
    let addr = mesh.addr("safety").unwrap();
    let call = TriggerAlertRequest { request_id: request_id(), ..Default::default() };
    let alert = guest.with_token(token).safety_at(addr).trigger_alert(call).await.unwrap().into_inner().alert.unwrap();
    assert_eq!(alert.recipients.len(), 2);
}
