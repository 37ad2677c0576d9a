//! Traces, metrics and logs (X10): OpenTelemetry, with labels that are bounded and values that are nobody's business
//! left out - no token, e-mail, text or coordinate.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use crewup_proto::call::Call;
use http::HeaderMap;
use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, UpDownCounter},
    propagation::{Extractor, Injector},
    trace::{Status, TraceContextExt as _},
};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tonic::Code;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub use prometheus::Registry;

use crate::{
    error::{Error, Result},
    standing_log,
};

/// What must be flushed at the end, and what `/metrics` reads.
pub struct Telemetry {
    registry: prometheus::Registry,
    meters: SdkMeterProvider,
    tracer: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Logs to standard error as JSON lines, filtered by `RUST_LOG` (default `info`); metrics for Prometheus; traces and
    /// metrics over OTLP where `otlp` names an endpoint. Once for a process.
    pub fn start(service: &'static str, otlp: Option<&str>) -> Result<Self> {
        use opentelemetry::trace::TracerProvider as _;
        use opentelemetry_otlp::WithExportConfig as _;

        global::set_text_map_propagator(TraceContextPropagator::new());
        let resource = Resource::builder()
            .with_service_name(format!("crewup-{service}"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();

        let registry = prometheus::Registry::new();
        let reader =
            opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().map_err(Error::internal)?;
        let mut meters = SdkMeterProvider::builder().with_reader(reader).with_resource(resource.clone());
        let mut tracer = None;
        if let Some(endpoint) = otlp {
            let spans = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
            let spans = spans.map_err(Error::internal)?;
            tracer = Some(SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource).build());
            let figures = opentelemetry_otlp::MetricExporter::builder().with_tonic().with_endpoint(endpoint).build();
            meters = meters.with_periodic_exporter(figures.map_err(Error::internal)?);
        }
        let meters = meters.build();
        global::set_meter_provider(meters.clone());

        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        // Whatever else is asked for: a restore needs it.
        let standings = format!("{}=info", standing_log::TARGET).parse().map_err(Error::internal)?;
        let filter = filter.add_directive(standings);
        let logs = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
        // What is left out here would be worked out for each span of each call, sampled or not.
        let traces = tracer.as_ref().map(|tracer| {
            tracing_opentelemetry::layer()
                .with_tracer(tracer.tracer("crewup"))
                .with_context_activation(false)
                .with_tracked_inactivity(false)
                .with_location(false)
                .with_threads(false)
        });
        tracing_subscriber::registry().with(filter).with(logs).with(traces).try_init().map_err(Error::internal)?;
        Ok(Self { registry, meters, tracer })
    }

    /// The registry behind `/metrics`.
    pub fn registry(&self) -> prometheus::Registry {
        self.registry.clone()
    }

    /// Sends what is left.
    pub fn stop(self) {
        if let Some(tracer) = self.tracer {
            let _ = tracer.shutdown();
        }
        let _ = self.meters.shutdown();
    }
}

/// The duration of calls, by call and code, as the RPC semantic conventions name it.
pub struct CallFigures(Histogram<f64>);

impl CallFigures {
    pub(crate) fn new() -> Self {
        let histogram = global::meter("crewup")
            .f64_histogram("rpc.server.call.duration")
            .with_unit("s")
            .with_description("Duration of calls, from the first byte read to the answer")
            .with_boundaries(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
            .build();
        Self(histogram)
    }

    pub(crate) fn record(&self, call: &Call, code: Code, took: Duration) {
        let labels = [
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", call.path.trim_start_matches('/')),
            KeyValue::new("rpc.response.status_code", name(code)),
        ];
        self.0.record(took.as_secs_f64(), &labels);
    }
}

/// Counts a stream while it is open, by call.
pub(crate) struct OpenStream(&'static Call);

impl OpenStream {
    pub(crate) fn new(call: &'static Call) -> Self {
        Self::count(call, 1);
        Self(call)
    }

    fn count(call: &Call, change: i64) {
        static OPEN: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
            global::meter("crewup").i64_up_down_counter("crewup.streams").with_description("Open streams").build()
        });
        OPEN.add(change, &[KeyValue::new("rpc.method", call.path.trim_start_matches('/'))]);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        Self::count(self.0, -1);
    }
}

/// The span of a call, a child of the caller's where it sent one (W3C trace context). What is set as an attribute is for
/// the trace alone; fields are written out for the log as well, at once and again whenever one is added.
pub(crate) fn call_span(call: &Call, headers: &HeaderMap) -> Span {
    let method = call.path.trim_start_matches('/');
    let span = tracing::info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        trace_id = field::Empty,
        client = field::Empty,
        on_behalf_of = field::Empty
    );
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // By this the lines of the log are found that belong to a trace.
    if parent.span().span_context().is_valid() {
        span.record("trace_id", field::display(parent.span().span_context().trace_id()));
    }
    let _ = span.set_parent(parent);
    span.set_attribute("rpc.system.name", "grpc");
    span.set_attribute("rpc.method", method);
    span
}

/// As the RPC semantic conventions write it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Says who made the call of the present span: the client that the token was issued to.
pub(crate) fn name_client(client: &str) {
    Span::current().set_attribute("crewup.client", client.to_owned());
}

/// Says, in the log too, which service made the call of the present span, and for whom: the subject of the person's token.
pub(crate) fn name_service(client: &str, subject: &str) {
    let span = Span::current();
    span.record("client", client);
    span.record("on_behalf_of", subject);
}

pub(crate) fn end_call(span: &Span, code: Code) {
    span.set_attribute("rpc.response.status_code", name(code));
    if matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    ) {
        span.set_status(Status::error(""));
    }
}

/// The present span as metadata for a call to another service.
pub(crate) fn trace_headers() -> HashMap<String, String> {
    struct Map(HashMap<String, String>);
    impl Injector for Map {
        fn set(&mut self, key: &str, value: String) {
            self.0.insert(key.to_owned(), value);
        }
    }
    let mut map = Map(HashMap::new());
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut map));
    map.0
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
