//! A history of calls that race bans (M2, M3, X6): none that starts after the answer of BanUser succeeds, at any service,
//! but those that a ban leaves. Each service has two replicas, and half of the calls go to the one that the ban is not made at.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crewup_proto::{moderation::reported_object::Object, safety::alert_filter::Scope, user::Profile};
use crewup_tests::{
    Mesh, Persona, Refusal,
    mesh::SERVICES,
    persona::{at_once, crew, party},
};
use tonic::Status;

use super::{moderators, number};
use crate::safety::tonight;

const PEOPLE: usize = 32;
const CALLS: usize = 10_000;
/// What each of a person's three callers does after the answer.
const AFTER: usize = 24;

/// Kinds of calls.
const KINDS: usize = 14;

/// The kind that a ban leaves: a call for help is heard (M3).
const KEPT: &str = "raise";

/// What the racers act on.
struct Scene {
    event: String,
    crew: String,
    host: String,
    other: String,
}

/// One call that was made.
struct Made {
    kind: &'static str,
    /// Whether it started after BanUser had answered.
    after: bool,
    /// None: it succeeded.
    reason: Option<String>,
}

/// The `step`th call of a person: writes and reads at every service.
async fn act(person: &Persona, scene: &Scene, step: usize) -> (&'static str, Result<(), Status>) {
    let Scene { event, crew, host, other } = scene;
    match step % KINDS {
        0 => ("go", person.go(event).await.map(drop)),
        1 => ("join", person.join(crew).await.map(drop)),
        2 => ("say", person.say(crew, "On my way!").await.map(drop)),
        3 => (KEPT, person.raise().await.map(drop)),
        4 => ("get crew", person.crew(crew).await.map(drop)),
        5 => ("list alerts", person.list_alerts(Scope::Sent).await.map(drop)),
        6 => ("report", person.report(Object::UserId(host.clone())).await.map(drop)),
        7 => ("leave", person.leave(event).await.map(drop)),
        8 => ("edit", person.edit(Profile { bio: format!("{step}"), ..Default::default() }, &["bio"]).await.map(drop)),
        9 => ("get event", person.get(event).await.map(drop)),
        10 => ("create", person.create(party(Some(3))).await.map(drop)),
        11 => ("get person", person.see(host).await.map(drop)),
        12 => ("me", person.me().await.map(drop)),
        _ => ("block", person.block(other).await.map(drop)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m3_x6_of_10_000_calls_that_race_bans_none_that_starts_after_the_answer_succeeds() {
    let mut mesh = Mesh::start().await;
    for service in SERVICES {
        mesh.add(service, &[]).await;
    }
    let moderators = Arc::new(moderators(&mesh, 4).await);
    let host = mesh.person("host");
    // Tonight, or there would be nobody to call to.
    let event = tonight(&[&host]).await.id;
    let crew = host.form(crew(&event, 50)).await.unwrap().id;
    let (host, other) = (host.id().await, mesh.person("other").id().await);
    let scene = Arc::new(Scene { event, crew, host, other });
    let history = Arc::new(Mutex::new(Vec::<Made>::new()));
    let mut round = 0;
    while history.lock().unwrap().len() < CALLS {
        let people: Vec<_> = (0..PEOPLE).map(|at| mesh.person(&format!("racer-{round}-{at}"))).collect();
        let elsewhere: Arc<Vec<_>> = Arc::new(people.iter().map(|person| mesh.elsewhere(person)).collect());
        let people = Arc::new(people);
        at_once(&people, |at, people| {
            let elsewhere = Arc::clone(&elsewhere);
            let (moderators, history) = (Arc::clone(&moderators), Arc::clone(&history));
            let scene = Arc::clone(&scene);
            async move {
                // Each kind of call at each replica in turn.
                let both = [&people[at], &elsewhere[at]];
                let one = |step: usize| both[(step + step / KINDS) % 2];
                let id = people[at].id().await;
                let answered = AtomicBool::new(false);
                let caller = async |first: usize| {
                    let (mut step, mut after) = (first, 0);
                    while after < AFTER {
                        let late = answered.load(Ordering::SeqCst);
                        let (kind, done) = act(one(step), &scene, step).await;
                        let reason = done.err().map(|status| Refusal::of(&status).reason);
                        history.lock().unwrap().push(Made { kind, after: late, reason });
                        after += usize::from(late);
                        step += 1;
                    }
                };
                let banning = async {
                    // In the middle of the calls, and not all at the same step.
                    for step in 0..KINDS + at % KINDS {
                        let _ = act(one(step), &scene, step).await;
                    }
                    moderators[at % moderators.len()].ban(&id).await.unwrap();
                    answered.store(true, Ordering::SeqCst);
                };
                tokio::join!(banning, caller(0), caller(3), caller(6));
            }
        })
        .await;
        round += 1;
    }
    mesh.settled().await;

    let history = std::mem::take(&mut *history.lock().unwrap());
    let (mut before, mut late, mut kept) = (HashMap::<_, usize>::new(), 0, 0);
    for made in &history {
        match (&made.reason, made.after) {
            (None, true) if made.kind == KEPT => kept += 1,
            (Some(reason), _) if made.kind == KEPT => assert_ne!(reason, "USER_BANNED", "{KEPT}"),
            (None, true) => panic!("{} succeeded, though it started after the answer", made.kind),
            (None, false) => *before.entry(made.kind).or_default() += 1,
            (Some(reason), true) => {
                assert!(["USER_BANNED", "OVERLOADED"].contains(&reason.as_str()), "{}: {reason}", made.kind);
                late += usize::from(reason == "USER_BANNED");
            }
            (Some(_), false) => {}
        }
    }
    assert_eq!(before.len(), KINDS, "every kind of call was served before: {before:?}");
    assert!(kept > 0, "{KEPT} was served after the answer, too");
    assert!(late >= history.len() / 4, "{late} of {} came late", history.len());

    // Nothing of it is left that a ban takes away (M5): no seat, no crew, no event of one's own.
    let seats = "select count(*) from event_attendees a join events e on e.id = a.event_id
        where a.status = 'going' and not e.is_cancelled and a.user_id in (select user_id from bans)";
    assert_eq!(number(&mesh, seats).await, 0);
    let own = "select count(*) from events where not is_cancelled and creator_id in (select user_id from bans)";
    assert_eq!(number(&mesh, own).await, 0);
    let crews = "select count(*) from group_members where user_id in (select user_id from bans)";
    assert_eq!(number(&mesh, crews).await, 0);
    assert_eq!(crate::event::counted(&mesh, &scene.event).await.going, 1);
}
