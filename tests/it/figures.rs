//! What happened is counted by its service, once (X10).

use crewup_proto::{
    event::{AttendanceStatus, CreateEventRequest, SetAttendanceRequest},
    group::{CreateGroupRequest, Group, SendMessageRequest},
    moderation::reported_object::Object,
    safety::{AcknowledgeAlertRequest, AcknowledgementType, TriggerAlertRequest, WatchAlertsRequest},
};
use crewup_tests::persona::{ban_of, party, report_of, request_id};

use crate::{process::Process, safety::night_out};

/// The value of a figure, of one kind where it has kinds; 0 where it is not there.
async fn value(process: &Process, name: &str, kind: &str) -> f64 {
    let metrics = reqwest::get(format!("http://{}/metrics", process.plain)).await.unwrap().text().await.unwrap();
    let has_kind = |line: &str| kind.is_empty() || line.contains(&format!("kind=\"{kind}\""));
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{")) && has_kind(line));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x10_events_rsvps_crews_and_messages_are_counted_when_they_are_committed_and_not_when_they_are_replayed() {
    let (mesh, [host, guest, _], event, crew) = night_out().await;
    let (events, groups) = (Process::start(&mesh, "event", &[]), Process::start(&mesh, "group", &[]));
    events.ready().await;
    groups.ready().await;

    let create = CreateEventRequest { event: Some(party(None)), request_id: request_id() };
    let going = SetAttendanceRequest { event_id: event.id.clone(), status: AttendanceStatus::Interested.into() };
    let group = Group { event_id: event.id.clone(), name: "Early birds".into(), ..Default::default() };
    let form = CreateGroupRequest { group: Some(group), request_id: request_id() };
    let message = SendMessageRequest { group_id: crew.clone(), content: "Hi".into(), request_id: request_id() };
    for _ in 0..2 {
        host.events_at(events.addr).create_event(create.clone()).await.unwrap();
        guest.events_at(events.addr).set_attendance(going.clone()).await.unwrap();
        host.groups_at(groups.addr).create_group(form.clone()).await.unwrap();
        host.groups_at(groups.addr).send_message(message.clone()).await.unwrap();
    }
    // Refused, and rolled back.
    let nobody = SendMessageRequest { group_id: crew, content: "Hi".into(), request_id: request_id() };
    mesh.person("stranger").groups_at(groups.addr).send_message(nobody).await.unwrap_err();

    assert_eq!(value(&events, "crewup_events_created_total", "public").await, 1.0);
    assert_eq!(value(&events, "crewup_rsvps_changed_total", "interested").await, 1.0);
    assert_eq!(value(&events, "crewup_rsvps_changed_total", "going").await, 0.0);
    assert_eq!(value(&groups, "crewup_crews_formed_total", "open").await, 1.0);
    assert_eq!(value(&groups, "crewup_messages_sent_total", "message").await, 1.0);
    assert!(value(&groups, "db_client_connection_wait_time_seconds_count", "").await >= 4.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x10_s6_s13_alerts_are_counted_with_the_time_to_their_delivery_and_first_answer() {
    let (mesh, [host, guest, friend], ..) = night_out().await;
    let safety = Process::start(&mesh, "safety", &[]);
    safety.ready().await;
    let mut stream =
        friend.safety_at(safety.addr).watch_alerts(WatchAlertsRequest::default()).await.unwrap().into_inner();
    let raise = |request_id: String| TriggerAlertRequest { request_id, ..Default::default() };
    let alert = guest.safety_at(safety.addr).trigger_alert(raise(request_id())).await.unwrap().into_inner();
    let alert = alert.alert.unwrap().id;
    guest.safety_at(safety.addr).trigger_alert(raise(request_id())).await.unwrap();
    let answer = |kind: AcknowledgementType| AcknowledgeAlertRequest { alert_id: alert.clone(), r#type: kind.into() };
    host.safety_at(safety.addr).acknowledge_alert(answer(AcknowledgementType::Seen)).await.unwrap();
    friend.safety_at(safety.addr).acknowledge_alert(answer(AcknowledgementType::OnMyWay)).await.unwrap();

    let delivered = async {
        while value(&safety, "crewup_alerts_time_to_delivery_seconds_count", "").await < 1.0 {
            stream.message().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), delivered).await.expect("a delivery is counted");
    assert_eq!(value(&safety, "crewup_alerts_time_to_delivery_seconds_count", "").await, 1.0);
    assert_eq!(value(&safety, "crewup_alerts_raised_total", "first").await, 1.0);
    assert_eq!(value(&safety, "crewup_alerts_raised_total", "again").await, 1.0);
    assert_eq!(value(&safety, "crewup_alerts_answered_total", "seen").await, 1.0);
    assert_eq!(value(&safety, "crewup_alerts_answered_total", "on_my_way").await, 1.0);
    assert_eq!(value(&safety, "crewup_alerts_time_to_answer_seconds_count", "").await, 1.0, "of the first answer only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x10_m2_bans_and_reports_are_counted() {
    let (mesh, [host, guest, _], event, _) = night_out().await;
    let peers = ["event", "group", "safety"]
        .map(|name| (format!("CREWUP_{}_URL", name.to_uppercase()), format!("https://{}", mesh.addr(name).unwrap())));
    let peers: Vec<_> = peers.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
    let moderation = Process::start(&mesh, "moderation", &peers);
    moderation.ready().await;
    guest.moderation_at(moderation.addr).create_report(report_of(Object::EventId(event.id))).await.unwrap();
    let moderator = mesh.person("mod");
    for _ in 0..2 {
        moderator.moderation_at(moderation.addr).ban_user(ban_of(&host.id().await)).await.unwrap();
    }
    assert_eq!(value(&moderation, "crewup_reports_made_total", "event").await, 1.0);
    assert_eq!(value(&moderation, "crewup_bans_made_total", "banned").await, 1.0);
    assert_eq!(value(&moderation, "crewup_bans_made_total", "revised").await, 1.0);
}
