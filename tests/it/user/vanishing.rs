//! Erasures that race everything that is being done by and to the same people (U8).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::Duration;
use crewup_issuer::Person;
use crewup_proto::{
    event::{CreateInvitationRequest, Event, RemoveAttendeeRequest},
    google::r#type::LatLng,
    moderation::{reported_object::Object, resolve_report_request::Resolution},
    safety::{Place, TriggerAlertRequest, alert_filter::Scope},
    user::{CreateRatingRequest, EraseMeRequest, Profile},
};
use crewup_tests::{
    Mesh, Persona, Refusal,
    persona::{crew, in_hours, party, private_crew, report_of, request_id},
};
use futures_util::future::join_all;
use sqlx::AssertSqlSafe;
use tonic::Status;

use super::{ids, issued};

const PEOPLE: usize = 64;
/// Seats of the event that all want to go to: erasures promote those who wait.
const SEATS: i32 = 40;
/// What each person does after the answer: each kind of call once.
const AFTER: usize = KINDS;
/// In all that tells who a person is, and nowhere else.
const TRACE: &str = "zqtrace";

/// An hour after the end of the first event: the hours that pass before the race.
const OVER: i64 = 7 * 24 + 7;

/// An event that begins an hour after that.
fn soon(max_attendees: Option<i32>) -> Event {
    Event { start_time: Some(in_hours(OVER + 1)), end_time: Some(in_hours(OVER + 6)), ..party(max_attendees) }
}

/// What they all act on.
struct Scene {
    event: String,
    doomed: String,
    private: String,
    link: String,
    over: String,
    crew: String,
    closed: String,
    host: Persona,
    friends: Vec<Persona>,
    moderators: Vec<Persona>,
    ids: Vec<String>,
    friend_ids: Vec<String>,
}

impl Scene {
    async fn set(mesh: &Mesh, racers: &Arc<Vec<Racer>>) -> Self {
        let host = mesh.person("host");
        let (friends, moderators) = (mesh.crowd(8).await, crate::moderation::moderators(mesh, 4).await);
        let over = host.create(party(None)).await.unwrap().id;
        for friend in &friends {
            friend.go(&over).await.unwrap();
        }
        let going = over.clone();
        all_at_once(racers, move |at, racers| {
            let over = going.clone();
            async move { racers[at].person.go(&over).await.map(drop).unwrap() }
        })
        .await;
        mesh.db.advance(Duration::hours(OVER)).await;
        let event = host.create(soon(Some(SEATS))).await.unwrap().id;
        let private = host.create(Event { is_public: Some(false), ..soon(None) }).await.unwrap().id;
        let doomed = host.create(soon(None)).await.unwrap().id;
        let going = event.clone();
        all_at_once(racers, move |at, racers| {
            let event = going.clone();
            async move { racers[at].person.go(&event).await.map(drop).unwrap() }
        })
        .await;
        let mut own = Vec::new();
        for racer in racers.iter() {
            own.push(racer.person.id().await);
        }
        Self {
            crew: host.form(crew(&event, 50)).await.unwrap().id,
            closed: host.form(private_crew(&event, 50)).await.unwrap().id,
            link: host.link(&private, None).await.unwrap(),
            friend_ids: ids(&friends).await,
            ids: own,
            event,
            doomed,
            private,
            over,
            host,
            friends,
            moderators,
        }
    }
}

/// Everyone at once, each as a task of its own.
async fn all_at_once<F>(racers: &Arc<Vec<Racer>>, act: impl Fn(usize, Arc<Vec<Racer>>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = (0..racers.len()).map(|at| tokio::spawn(act(at, Arc::clone(racers))));
    for done in join_all(tasks).await {
        done.expect("no panic");
    }
}

/// Kinds of calls by a person.
const KINDS: usize = 20;

/// One who will be erased.
struct Racer {
    person: Persona,
    /// The same with a newer token, of another name.
    anew: Persona,
    /// The last alert that was raised.
    alert: Mutex<String>,
    answered: AtomicBool,
}

impl Racer {
    fn named(mesh: &Mesh, number: usize) -> Self {
        let person = Person::named(format!("{TRACE}-{number}"));
        let anew = issued(person.clone().with_given_name(format!("{TRACE} anew")), 5);
        Self {
            person: mesh.person_as(&issued(person, 60)),
            anew: mesh.person_as(&anew),
            alert: Mutex::default(),
            answered: AtomicBool::new(false),
        }
    }
}

/// The `step`th call of a person.
async fn act(racer: &Racer, scene: &Scene, step: usize) -> (&'static str, Result<(), Status>) {
    let person = &racer.person;
    let friend = &scene.friend_ids[step % scene.friends.len()];
    let trace = || format!("{TRACE} {step}");
    let place = Place { location: Some(LatLng { latitude: 47.0, longitude: 8.0 }), ..Default::default() };
    match step % KINDS {
        0 => ("go", person.go(&scene.event).await.map(drop)),
        1 => ("join", person.join(&scene.crew).await.map(drop)),
        2 => ("say", person.say(&scene.crew, "On my way!").await.map(drop)),
        3 => ("read", person.read(&scene.crew, None, 10).await.map(drop)),
        4 => {
            let call = TriggerAlertRequest { place: Some(place), ..Default::default() };
            let raised = person.raise_as(call).await;
            if let Ok(alert) = &raised {
                racer.alert.lock().unwrap().clone_from(&alert.id);
            }
            ("raise", raised.map(drop))
        }
        5 => {
            let profile = Profile { bio: trace(), interests: vec![trace()], ..Default::default() };
            ("edit", person.edit(profile, &["bio", "interests"]).await.map(drop))
        }
        6 => {
            let request = CreateRatingRequest {
                rated_user_id: friend.clone(),
                event_id: scene.over.clone(),
                rating: 4,
                comment: trace(),
                request_id: request_id(),
            };
            ("rate", person.users().create_rating(request).await.map(drop))
        }
        7 => ("leave", person.leave(&scene.event).await.map(drop)),
        8 => ("create", person.create(soon(Some(3))).await.map(drop)),
        9 => {
            let mut request = report_of(Object::UserId(friend.clone()));
            request.text = trace();
            ("report", person.moderation().create_report(request).await.map(drop))
        }
        10 => ("go again", person.go(&scene.event).await.map(drop)),
        11 => {
            let asked = person.ask(&scene.closed, &trace()).await;
            if let Ok(request) = &asked {
                let _ = scene.host.approve(request).await;
            }
            ("ask", asked.map(drop))
        }
        12 => ("accept", person.accept(&scene.link).await.map(drop)),
        13 => ("go in private", person.go(&scene.private).await.map(drop)),
        14 => ("form", person.form(crew(&scene.event, 5)).await.map(drop)),
        15 => ("block", person.block(friend).await.map(drop)),
        16 => ("go in vain", person.go(&scene.doomed).await.map(drop)),
        17 => ("me anew", racer.anew.me().await.map(drop)),
        18 => ("get", person.get(&scene.event).await.map(drop)),
        _ => ("me", person.me().await.map(drop)),
    }
}

/// A read at each service that people read at.
async fn look(racer: &Racer, scene: &Scene) -> [(&'static str, Result<(), Status>); 4] {
    let person = &racer.person;
    [
        ("get", person.get(&scene.event).await.map(drop)),
        ("me", person.me().await.map(drop)),
        ("get crew", person.crew(&scene.crew).await.map(drop)),
        ("list alerts", person.list_alerts(Scope::Sent).await.map(drop)),
    ]
}

/// The `step`th thing that is done to the person of that number by others. Much of it is refused.
async fn suffer(scene: &Scene, at: usize, step: usize) {
    let (friend, id) = (&scene.friends[(at + step) % scene.friends.len()], &scene.ids[at]);
    match step % 8 {
        0 => drop(friend.rate(id, &scene.over, 5).await),
        1 => drop(friend.report(Object::UserId(id.clone())).await),
        2 => {
            let request = CreateInvitationRequest {
                event_id: scene.private.clone(),
                invitee_id: id.clone(),
                request_id: request_id(),
                ..Default::default()
            };
            drop(scene.host.events().create_invitation(request).await);
        }
        3 => drop(scene.host.remove(&scene.crew, id, false).await),
        4 => drop(friend.block(id).await),
        5 => {
            let request = RemoveAttendeeRequest { event_id: scene.event.clone(), user_id: id.clone() };
            drop(scene.host.events().remove_attendee(request).await);
        }
        6 if at.is_multiple_of(4) => drop(scene.moderators[at / 4 % 4].ban(id).await),
        7 if at == 1 => drop(scene.host.cancel(&scene.doomed).await),
        _ => {}
    }
}

/// Erases, whatever stands in the way: an open alert of one's own is ended first (U9).
async fn vanish(racer: &Racer, id: &str) {
    let person = &racer.person;
    loop {
        let Err(status) = person.users().erase_me(EraseMeRequest { user_id: id.into() }).await else { return };
        match Refusal::of(&status).reason.as_str() {
            "ALERT_ACTIVE" => {
                let alert = racer.alert.lock().unwrap().clone();
                let _ = person.resolve_alert(&alert, "").await;
            }
            "OVERLOADED" => {}
            reason => panic!("EraseMe: {reason}"),
        }
    }
}

/// One call that was made.
struct Made {
    kind: &'static str,
    /// Whether it started after EraseMe had answered.
    after: bool,
    /// None: it succeeded.
    reason: Option<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u8_64_erasures_that_race_everything_leave_nothing_personal_and_no_call_after_them_succeeds() {
    let mesh = Mesh::racing().await;
    let racers: Arc<Vec<_>> = Arc::new((0..PEOPLE).map(|number| Racer::named(&mesh, number)).collect());
    let scene = Arc::new(Scene::set(&mesh, &racers).await);
    let history = Arc::new(Mutex::new(Vec::<Made>::new()));
    all_at_once(&racers, |at, racers| {
        let (scene, history) = (Arc::clone(&scene), Arc::clone(&history));
        async move {
            let racer = &racers[at];
            let caller = async {
                let (mut step, mut after) = (at, 0);
                while after < AFTER {
                    let late = racer.answered.load(Ordering::SeqCst);
                    let (kind, done) = act(racer, &scene, step).await;
                    let reason = done.err().map(|status| Refusal::of(&status).reason);
                    history.lock().unwrap().push(Made { kind, after: late, reason });
                    after += usize::from(late);
                    step += 1;
                }
            };
            let others = async {
                let mut step = at;
                while !racer.answered.load(Ordering::SeqCst) || step < at + 8 {
                    suffer(&scene, at, step).await;
                    step += 1;
                }
            };
            let vanishing = async {
                // In the middle of the calls, and not all at the same one.
                for step in 0..KINDS / 2 + at % KINDS {
                    act(racer, &scene, step + at).await.1.ok();
                }
                // Who was read a moment ago is remembered (X6).
                let _ = look(racer, &scene).await;
                vanish(racer, &scene.ids[at]).await;
                racer.answered.store(true, Ordering::SeqCst);
                for (kind, done) in look(racer, &scene).await {
                    let reason = done.err().map(|status| Refusal::of(&status).reason);
                    history.lock().unwrap().push(Made { kind, after: true, reason });
                }
            };
            tokio::join!(vanishing, caller, others);
        }
    })
    .await;
    mesh.settled().await;

    let (mut before, mut late) = (HashMap::<_, usize>::new(), 0);
    for made in history.lock().unwrap().iter() {
        match (&made.reason, made.after) {
            (None, true) => panic!("{} succeeded, though it started after the answer", made.kind),
            (None, false) => *before.entry(made.kind).or_default() += 1,
            (Some(reason), true) => {
                assert!(["USER_ERASED", "OVERLOADED"].contains(&reason.as_str()), "{}: {reason}", made.kind);
                late += usize::from(reason == "USER_ERASED");
            }
            (Some(_), false) => {}
        }
    }
    assert_eq!(before.len(), KINDS, "every kind of call was served before: {before:?}");
    assert!(late > PEOPLE * AFTER / 2, "{late} came late");
    nothing_is_left(&mesh, &scene).await;
}

/// What an erasure takes away is not there (U8), and the rules hold.
async fn nothing_is_left(mesh: &Mesh, scene: &Scene) {
    // A report keeps its snapshot until it is closed.
    let closed = async |moderator: &Persona| {
        let open = moderator.queue().await.unwrap();
        for report in &open {
            let _ = moderator.resolve(&report.id, Resolution::Dismissed).await;
        }
        !open.is_empty()
    };
    while closed(&scene.moderators[0]).await {}
    let mut db = mesh.db.connect().await;
    crewup_seed::check(&mut db).await.unwrap();
    let of = |user: &str| format!("in (select id from users where erased_at is not null) and {user} is not null");
    let open = "(select id from events where not is_cancelled and crewup.effective_end(event_start, event_end) > crewup.now())";
    for (left, sql) in [
        (
            "tombstones",
            format!(
                "select {PEOPLE} - count(*) from users where erased_at is not null and keycloak_id like 'erased:%'"
            ),
        ),
        (
            "seats",
            format!(
                "select count(*) from event_attendees where status <> 'not_going' and event_id in {open} and user_id {}",
                of("user_id")
            ),
        ),
        (
            "places in a waitlist",
            format!("select count(*) from event_waitlist where event_id in {open} and user_id {}", of("user_id")),
        ),
        ("memberships", format!("select count(*) from group_members where user_id {}", of("user_id"))),
        (
            "requests",
            format!("select count(*) from group_requests where state = 'pending' and user_id {}", of("user_id")),
        ),
        (
            "events",
            format!(
                "select count(*) from events where id in {open} and event_start > crewup.now() and creator_id {}",
                of("creator_id")
            ),
        ),
        ("ratings", format!("select count(*) from ratings where rated_user_id {}", of("rated_user_id"))),
        (
            "comments",
            format!("select count(*) from ratings where comment is not null and rater_user_id {}", of("rater_user_id")),
        ),
        ("blocks", format!("select count(*) from user_blocks where blocker_id {}", of("blocker_id"))),
        ("places", "select count(*) from alert_places".into()),
    ] {
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut db).await.unwrap();
        assert_eq!(count, 0, "{left} of erased people are left");
    }
    // Nor does any row of any table tell who they were.
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'crewup')",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert!(tables.len() > 30);
    for table in tables {
        let sql = format!("select t::text from {table} t where t::text ilike '%{TRACE}%' limit 1");
        let row: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut db).await.unwrap();
        assert_eq!(row, None, "{table}");
    }
}
