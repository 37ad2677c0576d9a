//! Traces, metrics and logs (X10): OpenTelemetry, with labels that are bounded and values that are nobody's business
//! left out - no token, e-mail, text or coordinate.

mod trace;

use std::{sync::LazyLock, time::Duration};

use crewup_proto::call::Call;
use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, UpDownCounter},
};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tonic::Code;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub use prometheus::Registry;
pub(crate) use trace::{Trace, headers, name_client, name_service, shared_span};

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
                .with_filter(filter_fn(trace::is_traced))
        });
        tracing_subscriber::registry()
            .with(filter)
            .with(trace::Parts)
            .with(logs)
            .with(traces)
            .try_init()
            .map_err(Error::internal)?;
        Ok(Self { registry, meters, tracer })
    }

    /// The registry behind `/metrics`.
    pub fn registry(&self) -> prometheus::Registry {
        self.registry.clone()
    }

    /// Sends what is left: the exporters wait for it, and the runtime's thread carries it.
    pub async fn stop(self) {
        let sent = tokio::task::spawn_blocking(move || {
            if let Some(tracer) = self.tracer {
                let _ = tracer.shutdown();
            }
            let _ = self.meters.shutdown();
        });
        let _ = sent.await;
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
