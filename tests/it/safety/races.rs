//! Real concurrency on real PostgreSQL. Each of these was seen to fail with its protection taken out.

use std::sync::Arc;

use crewup_proto::safety::{AcknowledgementType, TriggerAlertRequest};
use crewup_tests::{
    Mesh,
    persona::{at_once, request_id},
};

use super::{crew, night_out_of, tonight};

const WRITERS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_32_calls_of_one_person_at_once_are_one_batch() {
    let (mesh, [_, guest, _], ..) = night_out_of(Mesh::racing().await).await;
    let guest_id = guest.id().await;
    for round in 0..4 {
        let devices = Arc::new((0..WRITERS).map(|_| mesh.person("guest")).collect::<Vec<_>>());
        let same = request_id();
        let answers =
            at_once(&devices, |at, people| {
                // Half of them are retries of one call.
                let request_id = if at % 2 == 0 { same.clone() } else { request_id() };
                async move {
                    people[at].raise_as(TriggerAlertRequest { request_id, ..Default::default() }).await.unwrap().id
                }
            })
            .await;
        assert!(answers.iter().all(|id| *id == answers[0]), "round {round}: {answers:?}");
        let (open, rows): (i64, i64) = sqlx::query_as(
            "select (select count(*) from alert_batches where user_id = $1::uuid and state = 'active'),
                    (select count(*) from safety_alerts where batch_id = $2::uuid)",
        )
        .bind(&guest_id)
        .bind(&answers[0])
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
        assert_eq!((open, rows), (1, 1));
        guest.resolve_alert(&answers[0], "").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s6_s9_answers_and_resolutions_at_once_lose_no_answer_and_have_one_resolver() {
    let mesh = Mesh::racing().await;
    let host = mesh.person("host");
    let people = Arc::new(mesh.crowd(WRITERS).await);
    let mut everyone = vec![&host];
    everyone.extend(people.iter());
    let event = tonight(&everyone).await;
    for round in 0..3 {
        let group = large_crew(&event, &format!("Crew {round}"), &everyone).await;
        let call = TriggerAlertRequest { group_ids: vec![group], ..Default::default() };
        let alert = host.raise_as(call).await.unwrap().id;
        at_once(&people, |at, people| {
            let alert = alert.clone();
            async move {
                let answer = [AcknowledgementType::Seen, AcknowledgementType::OnMyWay][at % 2];
                people[at].acknowledge(&alert, answer).await.unwrap();
            }
        })
        .await;
        let seen = host.alert(&alert).await.unwrap();
        assert_eq!(seen.recipients.iter().filter(|one| one.acknowledgement.is_some()).count(), WRITERS);
        let revision: i64 = sqlx::query_scalar("select revision from alert_batches where id = $1::uuid")
            .bind(&alert)
            .fetch_one(&mut mesh.db.connect().await)
            .await
            .unwrap();
        assert!(revision >= 33, "each answer is a change of its own: {revision}");
        let senders = Arc::new((0..8).map(|_| mesh.person("host")).collect::<Vec<_>>());
        let resolvers = at_once(&senders, |at, people| {
            let alert = alert.clone();
            async move {
                people[at].resolve_alert(&alert, &format!("reason {at}")).await.unwrap().resolution.unwrap().reason
            }
        })
        .await;
        assert!(resolvers.iter().all(|reason| *reason == resolvers[0]), "{resolvers:?}");
    }
}

/// A crew for up to fifty.
async fn large_crew(event: &crewup_proto::event::Event, name: &str, people: &[&crewup_tests::Persona]) -> String {
    let made = crew(event, name, &people[..1]).await;
    let group = crewup_proto::group::Group { id: made.clone(), max_members: Some(50), ..Default::default() };
    let mask = prost_types::FieldMask { paths: vec!["max_members".into()] };
    let request = crewup_proto::group::UpdateGroupRequest { group: Some(group), update_mask: Some(mask) };
    people[0].groups().update_group(request).await.unwrap();
    for person in &people[1..] {
        let request = crewup_proto::group::JoinGroupRequest { group_id: made.clone(), ..Default::default() };
        person.groups().join_group(request).await.unwrap();
    }
    made
}
