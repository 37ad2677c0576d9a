//! What leaves a process for its operator: traces, metrics, logs (X10).

use std::sync::{Arc, Mutex};

use crewup_issuer::Person;
use crewup_proto::moderation::reported_object::Object;
use crewup_proto::{
    event::{AttendanceStatus, CreateEventRequest, Event, SetAttendanceRequest},
    google::r#type::LatLng,
};
use crewup_tests::{
    Mesh,
    persona::{at_once, party, report_of, request_id},
    raw,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::{
    live::edge::{Edge, plain},
    process::Process,
    safety::night_out,
};

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<(String, Span)>>>);

impl Receiver {
    /// With where it listens.
    async fn listen() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(receiver.clone()));
        tokio::spawn(server.serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)));
        (receiver, endpoint)
    }
}

impl Receiver {
    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().iter().map(|(_, span)| span.clone()).collect()
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        for resource in resources {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let name = attributes.into_iter().find(|one| one.key == "service.name").expect("a service");
            let Some(Value::StringValue(service)) = name.value.and_then(|value| value.value) else { panic!("no name") };
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_callers_context_through_the_call_to_its_queries_over_otlp() {
    let (receiver, endpoint) = Receiver::listen().await;
    let mesh = Mesh::start().await;
    let made = mesh.person("host").create(party(None)).await.unwrap();
    let mut process = Process::start(&mesh, "event", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
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

    let spans = receiver.spans();
    let ours: Vec<_> = spans.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    let call =
        ours.iter().find(|span| span.name == "crewup.event.v1.EventService/GetEvent").expect("a span of the call");
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");
    assert!(
        ours.iter().any(|span| span.parent_span_id == call.span_id && span.name == "seen_by_each"),
        "a span of the query"
    );
    let all = format!("{spans:?}");
    let secret = mesh.issuer().token(&Person::named("host"));
    for secret in [secret.as_str(), "host@", "Pelikanplatz"] {
        assert!(!all.contains(secret), "X10: a span carries {secret}");
    }
}

/// Two services of which the first asks the second, both with their traces to `endpoint` and a log that says what was refused.
async fn moderation_that_asks_group(mesh: &Mesh, endpoint: &str) -> [Process; 2] {
    let traced = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let level = ("RUST_LOG", "info,crewup_shared=debug");
    let group = Process::start(mesh, "group", &[traced, level]);
    group.ready().await;
    let url = |addr: Option<std::net::SocketAddr>| format!("https://{}", addr.unwrap());
    let (event, safety, group_url) = (url(mesh.addr("event")), url(mesh.addr("safety")), url(Some(group.addr)));
    let peers =
        [("CREWUP_EVENT_URL", event.as_str()), ("CREWUP_SAFETY_URL", &safety), ("CREWUP_GROUP_URL", &group_url)];
    let moderation = Process::start(mesh, "moderation", &[[traced, level].as_slice(), &peers].concat());
    moderation.ready().await;
    [moderation, group]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn x10_one_trace_has_every_hop_from_the_edge_over_two_services_to_the_queries_and_the_log_names_it() {
    let (receiver, endpoint) = Receiver::listen().await;
    let (mesh, [host, guest, _], _, crew) = night_out().await;
    let message = host.say(&crew, "Buy this").await.unwrap().id;
    let [mut moderation, mut group] = moderation_that_asks_group(&mesh, &endpoint).await;
    let edge = Edge::traced(&[("moderation", [moderation.addr; 2])], &endpoint).await;

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let token = format!("Bearer {}", guest.token());
    let headers = [("authorization", token.as_bytes()), ("traceparent", parent.as_bytes())];
    let report = report_of(Object::MessageId(message)).encode_to_vec();
    raw::call_by(plain(edge.addr), "/crewup.moderation.v1.ModerationService/CreateReport", &headers, report)
        .await
        .unwrap();
    // What is logged is what was refused.
    let absent = report_of(Object::MessageId(request_id())).encode_to_vec();
    raw::call_by(plain(edge.addr), "/crewup.moderation.v1.ModerationService/CreateReport", &headers, absent)
        .await
        .unwrap_err();
    assert!(moderation.terminate().await.success() && group.terminate().await.success());

    let sent = async {
        loop {
            let spans = receiver.0.lock().unwrap().clone();
            let ours: Vec<_> = spans.into_iter().filter(|(_, span)| hex(&span.trace_id) == trace).collect();
            // Envoy sends what it has every few seconds.
            if ours.iter().any(|(service, _)| service == "crewup-edge") {
                return ours;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let spans = tokio::time::timeout(std::time::Duration::from_secs(30), sent).await.expect("the edge's span");
    // From a query of the service that was asked, up to the browser.
    let (_, mut span) = spans
        .iter()
        .find(|(service, span)| service == "crewup-group" && span.name == "get")
        .unwrap_or_else(|| panic!("no query of group: {:?}", named(&spans)))
        .clone();
    let mut hops = vec!["crewup-group".to_owned()];
    while let Some((service, parent)) = spans.iter().find(|(_, other)| other.span_id == span.parent_span_id) {
        if hops.last() != Some(service) {
            hops.push(service.clone());
        }
        span = parent.clone();
    }
    assert_eq!(hops, ["crewup-group", "crewup-moderation", "crewup-edge"], "{:?}", named(&spans));
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
    // Who calls, and for whom (X3).
    let logged = group.logged();
    let subject = crewup_issuer::Person::named("guest").sub().to_owned();
    assert!(logged.contains("\"client\":\"crewup-moderation\""), "{logged}");
    assert!(logged.contains(&format!("\"on_behalf_of\":\"{subject}\"")), "{logged}");
    for process in [&mut moderation, &mut group] {
        let logged = process.logged();
        assert!(logged.contains(trace), "{logged}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named(spans: &[(String, Span)]) -> Vec<String> {
    spans.iter().map(|(service, span)| format!("{service} {}", span.name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x10_what_the_caller_does_not_have_traced_leaves_no_span_in_either_of_two_services_and_the_log_names_it() {
    let (receiver, endpoint) = Receiver::listen().await;
    let (mesh, [host, guest, _], _, crew) = night_out().await;
    let [first, second] =
        [host.say(&crew, "Buy this").await.unwrap().id, host.say(&crew, "And this").await.unwrap().id];
    let [mut moderation, mut group] = moderation_that_asks_group(&mesh, &endpoint).await;
    let token = format!("Bearer {}", guest.token());
    let report = async |trace: &str, flag: &str, message: &str| {
        let parent = format!("00-{trace}-00f067aa0ba902b7-{flag}");
        let headers = [("authorization", token.as_bytes()), ("traceparent", parent.as_bytes())];
        let report = report_of(Object::MessageId(message.to_owned())).encode_to_vec();
        let path = "/crewup.moderation.v1.ModerationService/CreateReport";
        raw::call(moderation.addr, path, &headers, report).await
    };
    let [traced, not] = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"];
    report(not, "00", &first).await.unwrap();
    // What is logged is what was refused.
    report(not, "00", &request_id()).await.unwrap_err();
    report(traced, "01", &second).await.unwrap();
    assert!(moderation.terminate().await.success() && group.terminate().await.success());

    let spans = receiver.0.lock().unwrap().clone();
    assert!(spans.iter().any(|(service, _)| service == "crewup-group"), "{:?}", named(&spans));
    let others: Vec<_> = spans.into_iter().filter(|(_, span)| hex(&span.trace_id) != traced).collect();
    assert_eq!(named(&others), Vec::<String>::new(), "nobody asked for these");
    for process in [&mut moderation, &mut group] {
        let logged = process.logged();
        assert!(logged.contains(not), "{logged}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_share_a_transaction_are_traced_only_where_their_callers_ask_for_it() {
    let (receiver, endpoint) = Receiver::listen().await;
    let mesh = Mesh::start().await;
    let people = Arc::new(mesh.crowd(32).await);
    let event = people[0].create(party(None)).await.unwrap().id;
    let mut process = Process::start(&mesh, "event", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    process.ready().await;
    let addr = process.addr;
    for flag in ["00", "01"] {
        let calls = at_once(&people, |at, people| {
            let status = if flag == "00" { AttendanceStatus::Going } else { AttendanceStatus::Interested };
            let request = SetAttendanceRequest { event_id: event.clone(), status: status.into() };
            let parent = format!("00-{:032x}-b7ad6b7169203331-{flag}", at + 1);
            async move {
                let token = format!("Bearer {}", people[at].token());
                let headers = [("authorization", token.as_bytes()), ("traceparent", parent.as_bytes())];
                raw::call(addr, "/crewup.event.v1.EventService/SetAttendance", &headers, request.encode_to_vec()).await
            }
        });
        assert!(calls.await.iter().all(Result::is_ok));
    }
    assert!(process.terminate().await.success());

    let spans = receiver.spans();
    let written = spans.iter().filter(|span| span.name == "answer").collect::<Vec<_>>();
    assert!(!written.is_empty(), "those who asked for it are traced");
    assert!(written.iter().all(|span| !span.parent_span_id.is_empty()), "nothing is written outside of a call");
    assert!(written.len() < 32, "they shared transactions: {}", written.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x10_logs_carry_no_token_e_mail_text_or_coordinate() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    host.id().await;
    let mut process = Process::start(&mesh, "event", &[("RUST_LOG", "info,crewup_shared=debug,crewup_event=debug")]);
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
