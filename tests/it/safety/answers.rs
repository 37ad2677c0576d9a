//! Answering and resolving an alert (S6, S9, S14).

use crewup_proto::{
    group::{JoinGroupRequest, LeaveGroupRequest, RemoveMemberRequest},
    safety::{AcknowledgementType, Alert, AlertAction, AlertState, AlertType, ResolverKind},
};
use crewup_tests::refusal::{reason, refused};

use super::{ids, night_out, reached, sorted};

#[tokio::test]
async fn s6_recipients_answer_and_everyone_who_sees_the_alert_sees_the_answers() {
    let (mesh, [host, guest, friend], ..) = night_out().await;
    let alert = guest.raise().await.unwrap();
    let answered = friend.acknowledge(&alert.id, AcknowledgementType::OnMyWay).await.unwrap();
    assert_eq!(answered.my_acknowledgement(), AcknowledgementType::OnMyWay);
    assert_eq!(answered.next_escalation_time, None, "S7: somebody helps");
    for viewer in [&guest, &host] {
        let seen = viewer.alert(&alert.id).await.unwrap();
        let answer = seen.recipients.iter().find_map(|one| one.acknowledgement).unwrap();
        assert_eq!(answer.r#type(), AcknowledgementType::OnMyWay);
    }
    // S13: how far it got is for the sender.
    assert!(guest.alert(&alert.id).await.unwrap().recipients.iter().all(|one| one.publish_time.is_some()));
    assert!(host.alert(&alert.id).await.unwrap().recipients.iter().all(|one| one.publish_time.is_none()));

    assert_eq!(reason(guest.acknowledge(&alert.id, AcknowledgementType::Seen).await), "NOT_RECIPIENT");
    let moderator = mesh.person("mod");
    assert_eq!(reason(moderator.acknowledge(&alert.id, AcknowledgementType::Seen).await), "NOT_RECIPIENT");
    let stranger = mesh.person("stranger");
    let absent = refused(stranger.alert(&crewup_tests::persona::request_id()).await);
    assert_eq!(refused(stranger.alert(&alert.id).await), absent);
    assert_eq!(refused(stranger.acknowledge(&alert.id, AcknowledgementType::Seen).await), absent);
}

#[tokio::test]
async fn s9_the_sender_resolves_the_whole_batch_and_the_first_resolver_stays() {
    let (_mesh, [host, guest, friend], ..) = night_out().await;
    let alert = guest.raise().await.unwrap();
    assert_eq!(reason(friend.resolve_alert(&alert.id, "all is well").await), "NOT_CREW_ADMIN");
    let done = guest.resolve_alert(&alert.id, "").await.unwrap();
    assert_eq!(done.state(), AlertState::Resolved);
    let resolution = host.resolve_alert(&alert.id, "I am with her").await.unwrap().resolution.unwrap();
    assert_eq!((resolution.kind(), resolution.reason.as_str()), (ResolverKind::Sender, ""));
    assert_eq!(resolution.resolver.unwrap().user_id, guest.id().await);
    assert_eq!(reason(friend.acknowledge(&alert.id, AcknowledgementType::Seen).await), "ALERT_CLOSED");
    let edit = Alert { id: alert.id.clone(), r#type: AlertType::Other.into(), ..Default::default() };
    assert_eq!(reason(guest.change(edit, &["type"]).await), "ALERT_CLOSED");
    assert!(friend.alert(&alert.id).await.unwrap().allowed_actions.is_empty());
}

#[tokio::test]
async fn s9_an_admin_of_a_crew_or_a_moderator_resolves_with_a_reason_that_the_sender_sees() {
    let (mesh, [host, guest, _], ..) = night_out().await;
    let alert = guest.raise().await.unwrap();
    assert_eq!(refused(host.resolve_alert(&alert.id, " ").await).fields, ["reason"]);
    assert!(host.alert(&alert.id).await.unwrap().allowed_actions.contains(&AlertAction::Resolve.into()));
    host.resolve_alert(&alert.id, "I am with her").await.unwrap();
    let resolution = guest.alert(&alert.id).await.unwrap().resolution.unwrap();
    assert_eq!((resolution.kind(), resolution.reason.as_str()), (ResolverKind::CrewAdmin, "I am with her"));

    let alert = guest.raise().await.unwrap();
    let moderator = mesh.person("mod");
    let read = moderator.alert(&alert.id).await.unwrap();
    assert_eq!(read.place, None);
    assert_eq!(refused(moderator.resolve_alert(&alert.id, "").await).fields, ["reason"]);
    let done = moderator.resolve_alert(&alert.id, "a false alarm, says the police").await.unwrap();
    assert_eq!(done.resolution.unwrap().kind(), ResolverKind::Moderator);
}

#[tokio::test]
async fn s8_a_moderator_whom_the_alert_did_not_reach_does_not_see_the_place() {
    let (mesh, [host, guest, _], ..) = night_out().await;
    let location = Some(crewup_proto::google::r#type::LatLng { latitude: 47.0, longitude: 8.0 });
    let place = Some(crewup_proto::safety::Place { location, ..Default::default() });
    let call = crewup_proto::safety::TriggerAlertRequest { place, ..Default::default() };
    let alert = guest.raise_as(call).await.unwrap();
    assert!(alert.place.is_some() && host.alert(&alert.id).await.unwrap().place.is_some());
    assert_eq!(mesh.person("mod").alert(&alert.id).await.unwrap().place, None);
}

#[tokio::test]
async fn s14_a_removed_member_loses_the_alert_at_once_and_a_new_one_sees_it() {
    let (mesh, [host, guest, friend], event, group) = night_out().await;
    let alert = guest.raise().await.unwrap();
    friend.alert(&alert.id).await.unwrap();
    let remove = RemoveMemberRequest { group_id: group.clone(), user_id: friend.id().await, ban: false };
    host.groups().remove_member(remove).await.unwrap();
    assert_eq!(reason(friend.alert(&alert.id).await), "NOT_FOUND");
    assert_eq!(reached(&guest.alert(&alert.id).await.unwrap()), ids(&[&host]).await);

    let late = mesh.person("late");
    late.go(&event.id).await.unwrap();
    late.groups().join_group(JoinGroupRequest { group_id: group.clone(), ..Default::default() }).await.unwrap();
    late.alert(&alert.id).await.unwrap();
    let told = async {
        loop {
            let seen = guest.alert(&alert.id).await.unwrap();
            if seen.recipients.iter().all(|one| one.publish_time.is_some()) && seen.recipients.len() == 2 {
                break seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(std::time::Duration::from_secs(5), told).await.expect("published to who is new");
    assert_eq!(sorted(reached(&seen)), ids(&[&host, &late]).await);
    late.groups().leave_group(LeaveGroupRequest { group_id: group }).await.unwrap();
    assert_eq!(reason(late.alert(&alert.id).await), "NOT_FOUND");
}

#[tokio::test]
async fn s3_only_the_sender_changes_the_alert_and_no_change_is_none() {
    let (_mesh, [host, guest, friend], ..) = night_out().await;
    let alert = guest.raise().await.unwrap();
    let edit = Alert {
        id: alert.id.clone(),
        r#type: AlertType::Medical.into(),
        message: "by the bar".into(),
        ..Default::default()
    };
    assert_eq!(reason(host.change(edit.clone(), &["message"]).await), "NOT_OWNER");
    let changed = guest.change(edit.clone(), &["type", "message"]).await.unwrap();
    assert_eq!((changed.r#type(), changed.message.as_str()), (AlertType::Medical, "by the bar"));
    assert_eq!(guest.change(edit.clone(), &["type", "message"]).await.unwrap(), changed);
    assert_eq!(friend.alert(&alert.id).await.unwrap().message, "by the bar");
    assert_eq!(refused(guest.change(edit, &[]).await).fields, ["update_mask"]);
}
