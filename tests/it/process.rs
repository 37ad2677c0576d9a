//! Services as processes of their own, for what only a process can show: a kill, an exit code, a trace on the wire.
//! The process is this test binary again, so that what is killed is what was compiled.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use crewup_issuer::Person;
use crewup_proto::{
    event::{CreateEventRequest, Event},
    google::r#type::LatLng,
};
use crewup_tests::{Mesh, persona::party, raw};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use prost::Message as _;
use rand::{RngExt as _, SeedableRng as _};
use tonic::{Request, Response, Status};

use crate::event::{counted, react::tell};

/// Not a test by itself: the event service, where [`EventProcess`] starts this binary for it.
#[test]
fn event_service() {
    if std::env::var_os("CREWUP_TEST_PROCESS").is_some() {
        std::process::exit(match crewup_shared::server::main_with(&crewup_event::SERVICE, ["crewup-event"]) {
            code if code == std::process::ExitCode::SUCCESS => 0,
            _ => 1,
        });
    }
}

/// The event service as a process; killed when dropped.
struct EventProcess {
    child: Child,
    addr: SocketAddr,
    plain: SocketAddr,
    log: File,
}

fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("crewup-log-{}", crewup_tests::persona::request_id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

impl EventProcess {
    fn start(mesh: &Mesh, settings: &[(&str, &str)]) -> Self {
        // Free a moment ago; nobody else takes ports that were just given out.
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (addr, plain) = (free(), free());
        // A file without a name: it goes with its last handle.
        let log = tempfile();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::event_service", "--nocapture"])
            .env("CREWUP_TEST_PROCESS", "1")
            .env("DATABASE_URL", mesh.db.url_as("event"))
            .env("CREWUP_ISSUER", mesh.issuer().url())
            .env("CREWUP_USER_URL", format!("http://{}", mesh.addr("user").unwrap()))
            .env("CREWUP_CLIENT_SECRET", &mesh.issuer().config().client_secret)
            .env("CREWUP_MODE", "development")
            .env("CREWUP_LISTEN", addr.to_string())
            .env("CREWUP_PLAIN_LISTEN", plain.to_string())
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self { child, addr, plain, log }
    }

    /// What the process logged so far.
    fn logged(&mut self) -> String {
        let mut text = String::new();
        self.log.rewind().unwrap();
        self.log.read_to_string(&mut text).unwrap();
        text
    }

    async fn ready(&self) {
        let ready = async {
            let url = format!("http://{}/readyz", self.plain);
            while !reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ready).await.expect("the process is ready");
    }

    fn kill_9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn terminate(&mut self) -> std::process::ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        for _ in 0..500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the process does not end");
    }
}

impl Drop for EventProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x8_reactions_survive_kill_9_at_any_moment() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(25).await;
    let mut events = Vec::new();
    for _ in 0..4 {
        let event = people[0].create(party(Some(12))).await.unwrap().id;
        for person in &people[1..] {
            person.go(&event).await.unwrap();
        }
        events.push(event);
    }
    for person in &people[1..11] {
        let user = person.id().await;
        crate::event::waitlist::ban(&mesh, &user).await;
        tell(&mesh, &user).await;
    }
    let mut db = mesh.db.connect().await;
    let left = "select count(*) from outbox_claims";
    let mut kills = 0;
    while sqlx::query_scalar::<_, i64>(left).fetch_one(&mut db).await.unwrap() > 0 {
        let mut process = EventProcess::start(&mesh, &[]);
        if kills < 12 {
            let before = sqlx::query_scalar::<_, i64>(left).fetch_one(&mut db).await.unwrap();
            // From the first reaction on, a few milliseconds later.
            for _ in 0..200 {
                if sqlx::query_scalar::<_, i64>(left).fetch_one(&mut db).await.unwrap() < before {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_micros(random.random_range(0..8_000))).await;
            process.kill_9();
            kills += 1;
        } else {
            process.ready().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert!(kills > 0);
    for event in &events {
        // Eleven of the first twelve seats were people 1..=11; ten of them are banned, fourteen wait.
        let count = counted(&mesh, event).await;
        assert_eq!((count.going, count.waiting), (12, 3), "seed {seed}");
    }
}

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let spans = resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_callers_context_through_the_call_to_its_queries_over_otlp() {
    let receiver = Receiver::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(receiver.clone()));
    tokio::spawn(server.serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)));

    let mesh = Mesh::start().await;
    let made = mesh.person("host").create(party(None)).await.unwrap();
    let mut process = EventProcess::start(&mesh, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    process.ready().await;
    let token = format!("Bearer {}", mesh.issuer().token(&Person::named("host")));
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let headers = [("authorization", token.as_bytes()), ("traceparent", parent.as_bytes())];
    let request = crewup_proto::event::GetEventRequest { event_id: made.id.clone() };
    raw::call(process.addr, "/crewup.event.v1.EventService/GetEvent", &headers, request.encode_to_vec()).await.unwrap();
    let metrics = reqwest::get(format!("http://{}/metrics", process.plain)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rpc_server_call_duration_seconds_count"), "{metrics}");
    assert!(metrics.contains("crewup.event.v1.EventService/GetEvent"));
    assert!(process.terminate().await.success(), "SIGTERM is a clean end, and what is left is sent");

    let spans = receiver.0.lock().unwrap().clone();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let ours: Vec<_> = spans.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    let call =
        ours.iter().find(|span| span.name == "crewup.event.v1.EventService/GetEvent").expect("a span of the call");
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");
    assert!(ours.iter().any(|span| span.parent_span_id == call.span_id && span.name == "get"), "a span of the query");
    let all = format!("{spans:?}");
    let secret = mesh.issuer().token(&Person::named("host"));
    for secret in [secret.as_str(), "host@", "Pelikanplatz"] {
        assert!(!all.contains(secret), "X10: a span carries {secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x10_logs_carry_no_token_e_mail_text_or_coordinate() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.id().await;
    let mut process = EventProcess::start(&mesh, &[("RUST_LOG", "info,crewup_shared=debug,crewup_event=debug")]);
    process.ready().await;
    let location = Some(LatLng { latitude: 47.123_456, longitude: 8.654_321 });
    let event = Event { description: "Secret garden".into(), location, ..party(Some(2)) };
    let create = CreateEventRequest { event: Some(event), request_id: crewup_tests::persona::request_id() };
    let made = host.events_at(process.addr).create_event(create.clone()).await.unwrap().into_inner().event.unwrap();
    // Refusals log more than successes do.
    let wrong = Event { name: "Secret\nname".into(), ..made.clone() };
    let wrong = CreateEventRequest { event: Some(wrong), request_id: crewup_tests::persona::request_id() };
    host.events_at(process.addr).create_event(wrong).await.unwrap_err();
    let forged = format!("{}x", host.token());
    mesh.with_token(forged.clone()).events_at(process.addr).create_event(create).await.unwrap_err();
    assert!(process.terminate().await.success());

    let log = process.logged();
    assert!(log.contains("INVALID_FIELDS") && log.contains("TOKEN_INVALID") && log.contains("serving"), "{log}");
    let secrets = [host.token(), &forged, "host@", "Secret", "Pelikanplatz", "47.123", "8.654", "crewup_dev_secret"];
    for secret in secrets {
        assert!(!log.contains(secret), "the log carries {secret}");
    }
}
