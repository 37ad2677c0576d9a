//! What a server promises whatever the call: shapes of errors, deadlines, limits, health, drain (X2, X5, X13).

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crewup_issuer::Person;
use crewup_proto::{
    event::{AttendanceStatus, GetEventRequest, SetAttendanceRequest},
    user::SyncUsersRequest,
};
use crewup_tests::{
    Mesh, Persona, Refusal, cluster,
    persona::party,
    raw,
    refusal::{reason, refused},
};
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::task::JoinHandle;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt as _;

const GET_EVENT: &str = "/crewup.event.v1.EventService/GetEvent";

fn bearer(mesh: &Mesh) -> String {
    format!("Bearer {}", mesh.issuer().token(&Person::named("guest")))
}

/// What PostgreSQL says of the sessions on a test's database; only a superuser sees those of others.
pub(crate) struct Activity {
    db: PgConnection,
    name: String,
}

impl Activity {
    pub(crate) async fn of(mesh: &Mesh) -> Self {
        let name: String = sqlx::query_scalar("select current_database()::text")
            .fetch_one(&mut mesh.db.connect().await)
            .await
            .unwrap();
        Self { db: cluster::superuser().await, name }
    }

    async fn count(&mut self, condition: &str) -> i64 {
        let query = format!("select count(*) from pg_stat_activity where datname = $1 and {condition}");
        sqlx::query_scalar(AssertSqlSafe(query)).bind(&self.name).fetch_one(&mut self.db).await.unwrap()
    }

    pub(crate) async fn waiting_for_locks(&mut self, count: i64) {
        let waiting = async {
            while self.count("wait_event_type = 'Lock'").await < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("they wait for a lock");
    }

    /// Until no service has a transaction open, and what one left behind is over.
    pub(crate) async fn quiet(&mut self) {
        let ending = async {
            while self.count("application_name like 'crewup-%' and xact_start is not null").await > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Sooner than PostgreSQL ends what is idle in a transaction.
        tokio::time::timeout(Duration::from_secs(8), ending).await.expect("the transactions end");
    }
}

#[tokio::test]
async fn x2_bytes_that_are_not_the_message_and_calls_that_are_not_there_get_clear_errors() {
    let mesh = Mesh::start().await;
    let (addr, token) = (mesh.addr("event").unwrap(), bearer(&mesh));
    let call = |path, body| {
        let (channel, token) = (crewup_tests::persona::channel(addr, "event"), token.clone());
        async move { raw::call_by(channel, path, &[("authorization", token.as_bytes())], body).await }
    };
    assert_eq!(reason(call(GET_EVENT, vec![0xff; 20]).await), "MALFORMED_REQUEST");
    assert_eq!(reason(call(GET_EVENT, vec![0x0a, 2, 0xff, 0xfe]).await), "MALFORMED_REQUEST", "not UTF-8");
    assert_eq!(reason(call(GET_EVENT, vec![0; (1 << 20) + 1]).await), "REQUEST_TOO_LARGE");
    assert_eq!(reason(call("/crewup.event.v1.EventService/Nothing", Vec::new()).await), "UNKNOWN_CALL");
    assert_eq!(reason(call("/no.such.Service/Call", Vec::new()).await), "UNKNOWN_CALL");
    let elsewhere = "/crewup.user.v1.UserService/GetMe";
    assert_eq!(reason(call(elsewhere, Vec::new()).await), "UNKNOWN_CALL", "a call of another service");
}

#[tokio::test]
async fn x2_internal_tells_the_caller_nothing_of_the_cause() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let made = host.create(party(None)).await.unwrap();
    sqlx::query("alter table event_seats rename to hidden_seats").execute(&mut mesh.db.connect().await).await.unwrap();
    sqlx::query("drop function crewup.events_seen_by(uuid, boolean)")
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
    let refusal = refused(host.get(&made.id).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Internal, "INTERNAL"));
    for leak in ["seats", "events_seen_by", "function", "relation", "sqlx", "select"] {
        assert!(!refusal.message.to_lowercase().contains(leak), "{}", refusal.message);
    }
}

#[tokio::test]
async fn m1_a_call_for_moderators_refuses_everyone_else() {
    let mesh = Mesh::start().await;
    let sync = mesh.person("guest").users().sync_users(SyncUsersRequest::default()).await;
    assert_eq!(Refusal::of(&sync.unwrap_err()).reason, "ROLE_REQUIRED");
}

#[tokio::test]
async fn u8_an_erased_person_is_recognised_and_refused() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    let id = guest.id().await;
    sqlx::query("update users set erased_at = crewup.now() where id = $1::uuid")
        .bind(id)
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(reason(guest.create(party(None)).await), "USER_ERASED");
}

#[tokio::test]
async fn x5_a_deadline_is_honoured_and_what_it_cut_off_is_rolled_back() {
    // tonic's client ends a call by itself when its own deadline is over; so the server's shorter one is tried.
    let mesh = Mesh::start_with(&["--max-call-seconds", "1"]).await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(Some(5))).await.unwrap();
    guest.id().await;
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from event_seats for update").execute(&mut *lock).await.unwrap();
    let refusal = refused(guest.go(&made.id).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    lock.rollback().await.unwrap();
    assert_eq!(host.get(&made.id).await.unwrap().going_count, 1);
    guest.go(&made.id).await.unwrap();
}

#[tokio::test]
async fn x6_a_transaction_that_postgresql_breaks_off_is_retried_three_times_and_then_told_as_a_conflict() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(Some(5))).await.unwrap();
    let mut db = mesh.db.connect().await;
    for statement in [
        "create sequence runs",
        "grant usage on sequence runs to public",
        "create function break_off() returns trigger language plpgsql as $$
         begin
             if nextval('runs') <> 6 then raise serialization_failure; end if;
             return new;
         end $$",
        "grant execute on function break_off() to public",
        "create trigger break_off before insert on event_attendees for each row execute function break_off()",
    ] {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    assert_eq!(reason(guest.go(&made.id).await), "CONFLICT");
    let runs: i64 = sqlx::query_scalar("select last_value from runs").fetch_one(&mut db).await.unwrap();
    assert_eq!(runs, 4);
    guest.go(&made.id).await.unwrap();
    assert_eq!(host.get(&made.id).await.unwrap().going_count, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x5_a_hundred_cancelled_writes_leave_no_transaction_open() {
    let mesh = Mesh::racing().await;
    let people = mesh.crowd(25).await;
    // An event for each, for answers to one share a transaction.
    let mut made = Vec::new();
    for person in &people {
        made.push(person.create(party(None)).await.unwrap().id);
    }
    let mut activity = Activity::of(&mesh).await;
    let mut blocker = mesh.db.connect().await;
    let (going, interested, not) = (AttendanceStatus::Going, AttendanceStatus::Interested, AttendanceStatus::NotGoing);
    for (round, status) in [interested, not, going, interested].into_iter().enumerate() {
        let mut lock = blocker.begin().await.unwrap();
        sqlx::query("select from event_seats for update").execute(&mut *lock).await.unwrap();
        let writes = people.iter().zip(made.clone()).map(|(person, event_id)| {
            let mut events = person.events();
            let write = SetAttendanceRequest { event_id, status: status.into() };
            tokio::spawn(async move { events.set_attendance(write).await.is_ok() })
        });
        let writes: Vec<_> = writes.collect();
        activity.waiting_for_locks(25).await;
        if round < 3 {
            // Some while they wait, the others on their way to the commit.
            let (waiting, going_on) = writes.split_at(12);
            waiting.iter().for_each(JoinHandle::abort);
            lock.rollback().await.unwrap();
            going_on.iter().for_each(JoinHandle::abort);
            activity.left_by_nobody().await;
        } else {
            // They end though what they wait for is never given to them, and nothing of them is there.
            let before = answers(&mesh).await;
            writes.iter().for_each(JoinHandle::abort);
            activity.left_by_nobody().await;
            lock.rollback().await.unwrap();
            assert_eq!(answers(&mesh).await, before);
        }
        let cut = join_all(writes).await.into_iter().filter(Result::is_err).count();
        assert!(cut >= 12, "only {cut} writes were cut off");
    }
    for (person, event) in people.iter().zip(&made) {
        person.answer(event, not).await.unwrap();
    }
}

impl Activity {
    /// Until no service has a transaction open. None is left without a statement under way: on a busy machine it may take some
    /// time until it is rolled back, but not a second.
    async fn left_by_nobody(&mut self) {
        let idle = "application_name like 'crewup-%' and state like 'idle in transaction%'
                    and state_change < clock_timestamp() - interval '50 milliseconds'";
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ending = async {
            while self.count(idle).await > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), ending).await.expect("what was cut is rolled back at once");
        self.quiet().await;
    }
}

/// Everybody's answer to everything.
async fn answers(mesh: &Mesh) -> String {
    let answers = "select string_agg(a::text, ' ' order by a::text) from event_attendees a";
    sqlx::query_scalar(answers).fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

/// Answers to one event share a connection.
async fn two_events(host: &Persona) -> [String; 2] {
    [host.create(party(None)).await.unwrap().id, host.create(party(None)).await.unwrap().id]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x5_without_a_free_connection_a_call_is_told_quickly_to_come_again() {
    let mesh = Mesh::start_with(&["--db-connections", "2"]).await;
    let people = mesh.crowd(4).await;
    let made = two_events(&people[0]).await;
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from event_seats for update").execute(&mut *lock).await.unwrap();
    let waiting = people[1..3].iter().zip(made.clone()).map(|(person, event_id)| {
        let mut events = person.events();
        tokio::spawn(async move { events.set_attendance(SetAttendanceRequest { event_id, status: 1 }).await.is_ok() })
    });
    let waiting: Vec<_> = waiting.collect();
    Activity::of(&mesh).await.waiting_for_locks(2).await;
    // They share a query, and are told at once that there is no connection for it.
    for refusal in join_all((0..20).map(|_| people[3].get(&made[0]))).await.into_iter().map(refused) {
        assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unavailable, "OVERLOADED"));
    }
    lock.rollback().await.unwrap();
    for done in waiting {
        assert!(done.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x5_once_all_were_late_for_a_second_no_more_wait_than_there_are_connections() {
    let mesh = Mesh::start_with(&["--db-connections", "2"]).await;
    let people = mesh.crowd(4).await;
    let made = two_events(&people[0]).await;
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from event_seats for update").execute(&mut *lock).await.unwrap();
    let waiting = people[1..3].iter().zip(made.clone()).map(|(person, event_id)| {
        let mut events = person.events();
        tokio::spawn(async move { events.set_attendance(SetAttendanceRequest { event_id, status: 1 }).await.is_ok() })
    });
    let waiting: Vec<_> = waiting.collect();
    Activity::of(&mesh).await.waiting_for_locks(2).await;
    // Of each that comes, how long it is kept: for a second, where nothing but the wait for a connection ends it.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let quick = async {
        while !asked.lock().unwrap().iter().any(|kept: &Duration| *kept < Duration::from_millis(500)) {
            let (mut events, event_id, asked) = (people[3].events(), made[0].clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let began = Instant::now();
                let told = events.get_event(GetEventRequest { event_id }).await;
                assert_eq!(refused(told).reason, "OVERLOADED");
                asked.lock().unwrap().push(began.elapsed());
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), quick).await.expect("somebody is told sooner");
    lock.rollback().await.unwrap();
    for done in waiting {
        assert!(done.await.unwrap());
    }
    let read = async { while people[3].get(&made[0]).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("it is calm again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x5_more_calls_than_a_service_takes_are_told_at_once_when_to_come_again() {
    let mesh = Mesh::start_with(&["--max-in-flight", "2"]).await;
    let people = mesh.crowd(4).await;
    let made = two_events(&people[0]).await;
    for person in &people {
        person.get(&made[0]).await.unwrap();
    }
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from event_seats for update").execute(&mut *lock).await.unwrap();
    let waiting: Vec<_> = people[1..3]
        .iter()
        .zip(made.clone())
        .map(|(person, event_id)| {
            let mut events = person.events();
            tokio::spawn(
                async move { events.set_attendance(SetAttendanceRequest { event_id, status: 1 }).await.is_ok() },
            )
        })
        .collect();
    Activity::of(&mesh).await.waiting_for_locks(2).await;
    let status = people[3].get(&made[0]).await.unwrap_err();
    assert_eq!(Refusal::of(&status).reason, "OVERLOADED");
    assert!(status.get_error_details().retry_info().is_some(), "it says when");
    lock.rollback().await.unwrap();
    for done in waiting {
        assert!(done.await.unwrap());
    }
    people[3].get(&made[0]).await.unwrap();
}

#[tokio::test]
async fn a_service_without_the_user_service_refuses_newcomers_and_serves_who_is_known() {
    let mut mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.create(party(None)).await.unwrap();
    mesh.stop_one("user").await;
    host.create(party(None)).await.unwrap();
    let newcomer = mesh.issuer().token(&Person::named("newcomer"));
    let request = [("authorization", format!("Bearer {newcomer}").into_bytes())];
    let headers: Vec<_> = request.iter().map(|(name, value)| (*name, value.as_slice())).collect();
    let answer = raw::call(mesh.addr("event").unwrap(), GET_EVENT, &headers, Vec::new()).await;
    assert_eq!(reason(answer), "DEPENDENCY_UNAVAILABLE");
}

#[tokio::test]
async fn health_readiness_and_metrics_are_served_and_follow_the_database() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.create(party(None)).await.unwrap();
    for service in ["event", "user"] {
        let plain = mesh.plain_addr(service).unwrap();
        let get = |path: &'static str| async move {
            let answer = reqwest::get(format!("http://{plain}/{path}")).await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(get("livez").await.0, 200);
        let ready = async {
            while get("readyz").await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), ready).await.expect("ready");
        assert_eq!(get("metrics").await.0, 200);
        let channel = crewup_tests::persona::channel(mesh.addr(service).unwrap(), service);
        let health = HealthClient::new(channel).check(HealthCheckRequest { service: String::new() }).await.unwrap();
        assert_eq!(health.into_inner().status(), ServingStatus::Serving);
    }
    // Alive, but not ready, once the schema is not what the queries need.
    let mut db = mesh.db.connect().await;
    sqlx::query("delete from _sqlx_migrations where version > 1").execute(&mut db).await.unwrap();
    let plain = mesh.plain_addr("event").unwrap();
    let unready = async {
        while reqwest::get(format!("http://{plain}/readyz")).await.unwrap().status() != 503 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), unready).await.expect("not ready");
    assert_eq!(reqwest::get(format!("http://{plain}/livez")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn x13_a_stopping_service_finishes_the_calls_in_flight() {
    let mut mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let made = host.create(party(None)).await.unwrap();
    guest.id().await;
    let mut blocker = mesh.db.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("select from event_seats for update").execute(&mut *lock).await.unwrap();
    let (mut events, event_id) = (guest.events(), made.id.clone());
    let slow = tokio::spawn(async move { events.set_attendance(SetAttendanceRequest { event_id, status: 1 }).await });
    Activity::of(&mesh).await.waiting_for_locks(1).await;
    let stopping = mesh.take("event");
    let unlock = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        lock.rollback().await.unwrap();
    };
    tokio::join!(stopping.stop(), unlock);
    slow.await.unwrap().expect("the call in flight was finished");
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    use tonic_reflection::pb::{v1, v1alpha};
    let mesh = Mesh::start().await;
    let channel = crewup_tests::persona::channel(mesh.addr("event").unwrap(), "event");
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut answers = v1::server_reflection_client::ServerReflectionClient::new(channel.clone())
        .server_reflection_info(futures_util::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let listed = format!("{:?}", answers.message().await.unwrap().unwrap());
    for service in ["crewup.event.v1.EventService", "crewup.user.v1.UserService"] {
        assert!(listed.contains(service), "{listed}");
    }
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut answers = v1alpha::server_reflection_client::ServerReflectionClient::new(channel)
        .server_reflection_info(futures_util::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

#[tokio::test]
async fn x15_a_malformed_id_is_invalid_argument_naming_the_field() {
    let mesh = Mesh::start().await;
    for garbage in ["", "x", "0", "\u{0}", "{0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000}", "0190aaaabbbb7ccc8dddeeeeffff0000"]
    {
        let request = GetEventRequest { event_id: garbage.into() };
        let refusal = refused(mesh.person("host").events().get_event(request).await);
        assert_eq!((refusal.reason.as_str(), refusal.fields), ("INVALID_FIELDS", vec!["event_id".to_owned()]));
    }
}
