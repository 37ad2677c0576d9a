//! SendMessage of many at once, who share transactions (ADR 29): each is answered as if alone, and nobody waits for another's lock.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use crewup_proto::group::{Message, SendMessageRequest};
use crewup_tests::{
    Mesh, Persona,
    persona::{at_once, crew, request_id},
    refusal::reason,
};
use sqlx::Connection as _;

use super::{absent, counted, going};
use crate::{
    serving::Activity,
    user::{accounts::until, ban},
};

/// Who sends what, and what comes of it: its content, or the reason.
type Case = (Persona, (SendMessageRequest, Result<&'static str, &'static str>));

/// The cases of one round: everything that can become of a message, each by people who send at the same time.
fn cases(mesh: &Mesh, crews: &[String], closed: &str, replayed: &SendMessageRequest) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |person: &str, crew: &str, content: &str, expected| {
        let request =
            SendMessageRequest { group_id: crew.to_owned(), content: content.to_owned(), request_id: request_id() };
        cases.push((mesh.person(person), (request, expected)));
    };
    for person in 0..12 {
        // All crews have all of them.
        case(&format!("person-{person}"), &crews[person % crews.len()], "Hello", Ok("Hello"));
    }
    case("stranger", &crews[0], "Hello", Err("NOT_MEMBER"));
    case("person-12", &absent(), "Hello", Err("NOT_FOUND"));
    case("person-13", "no id", "Hello", Err("INVALID_FIELDS"));
    case("person-14", &crews[1], " ", Err("INVALID_FIELDS"));
    case("person-0", closed, "Hello", Err("CHAT_CLOSED"));
    case("busy", &crews[2], "Hello", Err("RATE_LIMITED"));
    case("banned", &crews[2], "Hello", Err("USER_BANNED"));
    let replay = |content: &str| SendMessageRequest { content: content.to_owned(), ..replayed.clone() };
    for (content, expected) in [("First", Ok("First")), ("Other", Err("REQUEST_ID_REUSED"))] {
        cases.push((mesh.person("person-15"), (replay(content), expected)));
    }
    cases
}

async fn send(person: &Persona, request: SendMessageRequest) -> Result<Message, String> {
    match person.groups().send_message(request).await {
        Ok(answer) => Ok(answer.into_inner().message.unwrap()),
        refused => Err(reason(refused)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c2_c13_c15_x1_who_sends_at_once_with_others_is_answered_as_if_alone() {
    let mesh = Mesh::start().await;
    let (people, over) = going(&mesh, 1).await;
    let closed = people[0].form(crew(&over, 5)).await.unwrap().id;
    people[0].cancel(&over).await.unwrap();
    mesh.db.advance(TimeDelta::hours(73)).await;
    let (people, event) = going(&mesh, 16).await;
    let (busy, banned) = (mesh.person("busy"), mesh.person("banned"));
    let mut crews = Vec::new();
    for _ in 0..3 {
        crews.push(people[0].form(crew(&event, 20)).await.unwrap().id);
    }
    for person in people[1..].iter().chain([&busy, &banned]) {
        person.go(&event).await.unwrap();
        for made in &crews {
            person.join(made).await.unwrap();
        }
    }
    ban(&mesh, &banned.id().await).await;
    until("known as banned", async || reason(banned.say(&crews[0], "Hi").await) == "USER_BANNED").await;
    for _ in 0..20 {
        busy.say(&crews[2], "Hi").await.unwrap();
    }
    let first = SendMessageRequest { group_id: crews[0].clone(), content: "First".into(), request_id: request_id() };
    let first_made = send(&people[15], first.clone()).await.unwrap();
    let mut before = Vec::new();
    for made in &crews {
        before.push(counted(&mesh, made).await.1);
    }

    const ROUNDS: i64 = 4;
    for _ in 0..ROUNDS {
        let cases = cases(&mesh, &crews, &closed, &first);
        let (people, requests): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        let people = Arc::new(people);
        let answers = at_once(&people, |at, people| {
            let request = requests[at].0.clone();
            async move { send(&people[at], request).await }
        });
        for ((request, expected), answer) in requests.iter().zip(answers.await) {
            if *expected == Ok("First") {
                assert_eq!(answer.as_ref(), Ok(&first_made), "a replay");
            }
            let told = answer.map(|message| message.content);
            assert_eq!(told.as_deref().map_err(String::as_str), *expected, "{request:?}");
        }
    }
    for (made, before) in crews.iter().zip(before) {
        assert_eq!(counted(&mesh, made).await.1, before + 4 * ROUNDS, "what was refused is not there");
    }
    let keys: i64 = sqlx::query_scalar("select count(*) from idempotency where method like '%/SendMessage'")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(keys, 20 + 1 + 12 * ROUNDS, "who was refused may come again with the same request id");
    let transactions: i64 =
        sqlx::query_scalar("select count(distinct xmin::text) from messages where content = 'Hello'")
            .fetch_one(&mut mesh.db.connect().await)
            .await
            .unwrap();
    assert!(transactions < 12 * ROUNDS, "they shared no transaction: {transactions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c2_x6_a_crew_or_a_person_that_is_held_holds_up_nobody_else() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 24).await;
    let (held, free) =
        (people[0].form(crew(&event, 30)).await.unwrap(), people[1].form(crew(&event, 30)).await.unwrap());
    for person in &people[2..] {
        person.join(&held.id).await.unwrap();
        person.join(&free.id).await.unwrap();
    }
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from group_seats where group_id = $1::uuid for update")
        .bind(&held.id)
        .execute(&mut *lock)
        .await
        .unwrap();
    sqlx::query("select from crewup.enter($1::uuid, '{}')")
        .bind(people[2].id().await)
        .execute(&mut *lock)
        .await
        .unwrap();

    let mut activity = Activity::of(&mesh).await;
    let people = Arc::new(people);
    // Three to the crew that is held, and one of the person who is: they wait, each alone.
    let waiting = [(2, &free), (3, &held), (4, &held), (5, &held)];
    let waiting = waiting.map(|(person, crew)| {
        let (people, crew) = (Arc::clone(&people), crew.id.clone());
        tokio::spawn(async move { people[person].say(&crew, "late").await })
    });
    activity.waiting_for_locks(4).await;
    for _ in 0..3 {
        let sent = at_once(&people, |at, people| {
            let crew = free.id.clone();
            async move { if at < 6 { Ok(()) } else { people[at].say(&crew, "now").await.map(drop) } }
        });
        let sent = tokio::time::timeout(Duration::from_secs(10), sent).await.expect("nobody waits for who waits");
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    }
    lock.rollback().await.unwrap();
    for late in waiting {
        late.await.unwrap().unwrap();
    }
    assert_eq!(counted(&mesh, &held.id).await, (23, 23 + 3));
    assert_eq!(counted(&mesh, &free.id).await, (23, 23 + 3 * 18 + 1));
}
