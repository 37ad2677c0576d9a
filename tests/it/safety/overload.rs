//! A service that has more work than it can do still hears who is in danger (S13).

use std::sync::Arc;

use crewup_proto::safety::{AcknowledgeAlertRequest, AcknowledgementType};
use crewup_tests::{Mesh, Refusal, persona::at_once};
use sqlx::Connection as _;
use tonic_types::StatusExt as _;

use super::{crew, night_out_of, tonight};
use crate::serving::Activity;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s13_x5_when_every_place_and_connection_is_taken_others_are_told_to_come_again_and_an_alert_is_raised() {
    // Three connections and one that is kept; as many calls at once as there are connections.
    let mesh = Mesh::start_with(&["--db-connections", "4", "--max-in-flight", "3"]).await;
    let (mesh, [host, guest, friend], event, _) = night_out_of(mesh).await;
    let fourth = mesh.person("fourth");
    fourth.go(&event.id).await.unwrap();
    crew(&event, "Early birds", &[&fourth]).await;
    let alert = guest.raise().await.unwrap().id;

    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from alert_batches for update").execute(&mut *lock).await.unwrap();
    let answers = [&host, &friend, &host].map(|person| {
        let mut safety = person.safety();
        let request = AcknowledgeAlertRequest { alert_id: alert.clone(), r#type: AcknowledgementType::OnMyWay.into() };
        tokio::spawn(async move { safety.acknowledge_alert(request).await.is_ok() })
    });
    Activity::of(&mesh).await.waiting_for_locks(3).await;
    let status = friend.alert(&alert).await.unwrap_err();
    assert_eq!(Refusal::of(&status).reason, "OVERLOADED");
    assert!(status.get_error_details().retry_info().is_some(), "it says when");
    let own = fourth.raise().await.expect("an alert is raised");
    assert_ne!(own.id, alert);

    lock.rollback().await.unwrap();
    for answer in answers {
        assert!(answer.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s13_alerts_of_more_people_than_there_are_connections_are_all_raised() {
    let mesh = Mesh::start_with(&["--db-connections", "4", "--max-in-flight", "3"]).await;
    let people = Arc::new(mesh.crowd(40).await);
    let event = tonight(&people.iter().collect::<Vec<_>>()).await;
    for (at, some) in people.chunks(10).enumerate() {
        crew(&event, &format!("Crew {at}"), &some.iter().collect::<Vec<_>>()).await;
    }
    let raised = at_once(&people, |at, people| async move { people[at].raise().await }).await;
    let refused: Vec<_> = raised.into_iter().filter_map(Result::err).collect();
    assert!(refused.is_empty(), "{refused:?}");
}
