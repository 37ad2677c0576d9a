//! GetEvent of many at once, who share queries: each is answered as if alone.

use std::sync::Arc;

use crewup_proto::event::{Event, GetEventRequest};
use crewup_tests::{
    Mesh,
    persona::{at_once, party, private_party},
    refusal::reason,
};
use uuid::Uuid;

use crate::user::{accounts::until, ban};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e20_m3_who_asks_at_once_with_others_is_answered_as_if_alone() {
    let mesh = Mesh::start().await;
    let (host, guest, banned) = (mesh.person("host"), mesh.person("guest"), mesh.person("banned"));
    let public = host.create(party(None)).await.unwrap().id;
    let private = host.create(private_party(None)).await.unwrap().id;
    guest.accept(&host.link(&private, None).await.unwrap()).await.unwrap();
    guest.go(&private).await.unwrap();
    ban(&mesh, &banned.id().await).await;
    until("known as banned", async || get(&banned, &public).await.is_err()).await;
    let absent = Uuid::now_v7().to_string();
    // Who asks for what, and what only that person is told.
    let mine =
        |event: Event| (event.is_public, event.my_attendance.map(|mine| mine.status), event.allowed_actions.len());
    let mut asked = Vec::new();
    for person in ["host", "guest", "stranger", "banned"] {
        for event in [&public, &private, &absent, &"no id".to_owned()] {
            let alone = get(&mesh.person(person), event).await.map(mine);
            asked.push((person, event.clone(), alone));
        }
    }
    let hidden = asked.iter().filter(|(.., alone)| *alone == Err("NOT_FOUND".to_owned())).count();
    let refused = asked.iter().filter(|(.., alone)| *alone == Err("USER_BANNED".to_owned())).count();
    assert_eq!((hidden, refused), (3 + 1, 4), "{asked:?}");
    let asked = Arc::new(asked);
    for _ in 0..4 {
        // Each twice, so that the same question is asked twice in one query.
        let people = Arc::new((0..2 * asked.len()).map(|at| mesh.person(asked[at / 2].0)).collect());
        let answers = at_once(&people, |at, people| {
            let event = asked[at / 2].1.clone();
            async move { get(&people[at], &event).await.map(mine) }
        });
        for (at, answer) in answers.await.into_iter().enumerate() {
            assert_eq!(answer, asked[at / 2].2, "{:?}", asked[at / 2]);
        }
    }
}

/// The event, or why not.
async fn get(person: &crewup_tests::Persona, event: &str) -> Result<Event, String> {
    match person.events().get_event(GetEventRequest { event_id: event.to_owned() }).await {
        Ok(answer) => Ok(answer.into_inner().event.unwrap()),
        refused => Err(reason(refused)),
    }
}
