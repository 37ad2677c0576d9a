//! WatchAlerts (S6, S7, S9, S13, S14, C16, M3).

use std::time::{Duration, Instant};

use crewup_proto::safety::{
    AcknowledgementType, Alert, AlertState, Recipient, WatchAlertsResponse, WatchedAlert, watch_alerts_response::Change,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{Live, ban_of},
};

use crate::{
    moderation::moderator,
    safety::{crew, tonight},
};

async fn two_replicas() -> Mesh {
    let mut mesh = Mesh::start().await;
    mesh.add(&crewup_safety::SERVICE, &[]).await;
    mesh
}

/// A stream past its marker, with the states that came before it.
async fn watching(person: &Persona) -> (Live<WatchAlertsResponse>, Vec<WatchedAlert>) {
    let mut live = person.watch_alerts().await.unwrap();
    assert!(matches!(live.change().await, Change::Opened(_)));
    let mut present = Vec::new();
    loop {
        match live.change().await {
            Change::Alert(alert) => present.push(alert),
            Change::Live(_) => return (live, present),
            other => panic!("{other:?} before the marker"),
        }
    }
}

/// Waits for the state that is wanted; revisions rise.
async fn until(live: &mut Live<WatchAlertsResponse>, wanted: impl Fn(&Alert) -> bool) -> WatchedAlert {
    let mut after = 0;
    loop {
        match live.change().await {
            Change::Alert(alert) => {
                assert!(alert.revision > after, "{} after {after}", alert.revision);
                after = alert.revision;
                if wanted(alert.alert.as_ref().unwrap()) {
                    return alert;
                }
            }
            Change::Heartbeat(_) => {}
            other => panic!("{other:?} instead of an alert"),
        }
    }
}

fn answered(recipient: &Recipient, answer: AcknowledgementType) -> bool {
    recipient.acknowledgement.is_some_and(|given| given.r#type() == answer)
}

fn delivered(alert: &Alert) -> usize {
    alert.recipients.iter().filter(|recipient| recipient.deliver_time.is_some()).count()
}

#[tokio::test]
async fn s6_s13_an_alert_is_on_every_screen_and_the_sender_sees_whom_it_reached_and_who_answers() {
    let mesh = two_replicas().await;
    let people = mesh.crowd(5).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    crew(&event, "Owls", &[&people[0], &people[1], &people[2]]).await;
    crew(&event, "Bats", &[&people[0], &people[3]]).await;
    let (mut of_sender, _) = watching(&people[0]).await;
    let (mut here, _) = watching(&people[1]).await;
    let (mut there, _) = watching(&mesh.elsewhere(&people[3])).await;
    let (mut outside, _) = watching(&people[4]).await;

    let begun = Instant::now();
    let raised = people[0].raise().await.unwrap();
    for live in [&mut here, &mut there] {
        let got = until(live, |_| true).await;
        assert_eq!((got.alert.unwrap().id, got.publish_count), (raised.id.clone(), 1));
    }
    eprintln!("on both replicas after {:?}", begun.elapsed());
    // people[2] is on no stream: published, not delivered.
    let seen = until(&mut of_sender, |alert| delivered(alert) == 2).await.alert.unwrap();
    assert_eq!(seen.recipients.len(), 3);
    assert!(seen.recipients.iter().all(|recipient| recipient.publish_time.is_some()));

    people[3].acknowledge(&raised.id, AcknowledgementType::OnMyWay).await.unwrap();
    for live in [&mut of_sender, &mut here, &mut there] {
        until(live, |alert| alert.recipients.iter().any(|one| answered(one, AcknowledgementType::OnMyWay))).await;
    }
    // Who comes later gets it first of all, and that is known, too.
    let (_, present) = watching(&people[2]).await;
    assert_eq!(present[0].alert.as_ref().unwrap().id, raised.id);
    until(&mut of_sender, |alert| delivered(alert) == 3).await;

    people[0].resolve_alert(&raised.id, "").await.unwrap();
    for live in [&mut of_sender, &mut here, &mut there] {
        until(live, |alert| alert.state() == AlertState::Resolved).await;
        assert!(live.is_silent_for(Duration::from_millis(200)).await, "its end is the last of it");
    }
    assert!(outside.is_silent_for(Duration::from_millis(100)).await, "nobody else hears of it");
}

#[tokio::test]
async fn s6_an_alert_that_is_resolved_while_it_changes_ends_with_that_state_and_is_not_removed_after_it() {
    let mesh = two_replicas().await;
    let people = mesh.crowd(10).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    crew(&event, "Owls", &people.iter().collect::<Vec<_>>()).await;
    let mut streams = Vec::new();
    for person in &people[..5] {
        streams.push(watching(person).await.0);
    }
    for (sender, helper) in (5..10).zip([6, 7, 8, 9, 5]) {
        let raised = people[sender].raise().await.unwrap();
        for live in &mut streams {
            until(live, |alert| alert.id == raised.id).await;
        }
        // Some streams read it for the answer just when it ends.
        let (_, resolved) = tokio::join!(
            people[helper].acknowledge(&raised.id, AcknowledgementType::OnMyWay),
            people[sender].resolve_alert(&raised.id, ""),
        );
        resolved.unwrap();
        for live in &mut streams {
            until(live, |alert| alert.id == raised.id && alert.state() == AlertState::Resolved).await;
        }
    }
    for live in &mut streams {
        assert!(live.is_silent_for(Duration::from_millis(200)).await, "its end is the last of it");
    }
}

#[tokio::test]
async fn s14_a_removed_member_loses_the_alert_at_once_and_a_new_one_gets_it() {
    let mesh = two_replicas().await;
    let people = mesh.crowd(4).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    let owls = crew(&event, "Owls", &[&people[0], &people[1], &people[2]]).await;
    let raised = people[0].raise().await.unwrap();
    let (mut removed, present) = watching(&mesh.elsewhere(&people[2])).await;
    assert_eq!(present.len(), 1);
    let (mut new, present) = watching(&mesh.elsewhere(&people[3])).await;
    assert!(present.is_empty());

    people[0].remove(&owls, &people[2].id().await, false).await.unwrap();
    loop {
        if let Change::RemovedAlertId(id) = removed.change().await {
            assert_eq!(id, raised.id);
            break;
        }
    }
    people[3].join(&owls).await.unwrap();
    let got = until(&mut new, |_| true).await;
    assert_eq!(got.alert.unwrap().id, raised.id);
}

#[tokio::test]
async fn s7_each_level_is_published_again_to_those_who_watch() {
    let mesh = two_replicas().await;
    let people = mesh.crowd(2).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    crew(&event, "Owls", &[&people[0], &people[1]]).await;
    let watchman = moderator(&mesh, "watchman").await;
    let (mut of_member, _) = watching(&people[1]).await;
    let (mut of_moderator, _) = watching(&mesh.elsewhere(&watchman)).await;
    people[0].raise().await.unwrap();
    until(&mut of_member, |_| true).await;
    mesh.db.advance(chrono::Duration::seconds(61)).await;
    assert_eq!(until(&mut of_member, |alert| alert.escalation_level == 1).await.publish_count, 2);
    mesh.db.advance(chrono::Duration::seconds(125)).await;
    assert_eq!(until(&mut of_member, |alert| alert.escalation_level == 2).await.publish_count, 3);
    until(&mut of_moderator, |alert| alert.escalation_level == 2).await;
}

#[tokio::test]
async fn m3_who_is_banned_watches_the_own_alert_only() {
    let mesh = two_replicas().await;
    let watchman = moderator(&mesh, "watchman").await;
    let people = mesh.crowd(3).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    crew(&event, "Owls", &[&people[0], &people[1], &people[2]]).await;
    people[1].raise().await.unwrap();
    let own = people[2].raise().await.unwrap();
    assert_eq!(watching(&people[2]).await.1.len(), 2);
    watchman.ban_as(ban_of(&people[2].id().await)).await.unwrap();
    let (mut live, present) = watching(&people[2]).await;
    let ids: Vec<_> = present.into_iter().map(|alert| alert.alert.unwrap().id).collect();
    assert_eq!(ids, std::slice::from_ref(&own.id));
    people[0].raise().await.unwrap();
    people[1].acknowledge(&own.id, AcknowledgementType::OnMyWay).await.unwrap();
    let got = until(&mut live, |alert| !alert.recipients.is_empty()).await;
    assert_eq!(got.alert.unwrap().id, own.id, "still live, and of nothing else");
}

#[tokio::test]
async fn c16_s13_a_closed_chat_holds_no_alert_back_and_no_alert_is_in_the_chat() {
    let mesh = two_replicas().await;
    let people = mesh.crowd(2).await;
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    let owls = crew(&event, "Owls", &[&people[0], &people[1]]).await;
    let mut chat = people[1].listening(&owls).await;
    let (mut alerts, _) = watching(&people[1]).await;
    // C13: the sender has nothing left to say.
    for n in 0..20 {
        people[0].say(&owls, &format!("{n}")).await.unwrap();
        chat.text().await;
    }
    assert!(people[0].say(&owls, "more").await.is_err());
    people[0].raise().await.unwrap();
    until(&mut alerts, |_| true).await;
    assert!(chat.is_silent_for(Duration::from_millis(300)).await);
}
