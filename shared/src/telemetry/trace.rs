//! The spans of calls. Where a trace begins is decided by whoever calls first, the edge; a call that is not traced has one
//! span, for its lines in the log, and its parts have none: they would be a tenth of the time of a read.

use std::collections::HashMap;

use crewup_proto::call::Call;
use http::HeaderMap;
use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::{Status, TraceContextExt as _},
};
use tonic::Code;
use tracing::{Instrument as _, Metadata, Span, Subscriber, field, subscriber::Interest};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, layer, registry::LookupSpan};

use super::name;

/// The span of a call. All others are of its parts.
const CALL: &str = "call";
/// The target of those that are for the log alone.
const UNTRACED: &str = "crewup_shared::untraced";

tokio::task_local! {
    /// The caller's context, where it does not have the call traced. None: it does, and the span has it.
    static UNTRACED_CALLER: Option<Context>;
}

/// Whether a span may be a part of a trace.
pub(super) fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.target() != UNTRACED
}

/// Leaves out the spans of parts where the whole is not traced, or is no call.
pub(super) struct Parts;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Parts {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_part(metadata) { Interest::sometimes() } else { Interest::always() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, cx: layer::Context<'_, S>) -> bool {
        !is_part(metadata) || cx.lookup_current().is_some_and(|whole| is_traced(whole.metadata()))
    }
}

fn is_part(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.name() != CALL
}

/// What is traced of a call, and under what.
pub(crate) struct Trace {
    span: Span,
    untraced_caller: Option<Context>,
}

impl Trace {
    /// Of a call with these headers: a child of the caller's span, where it sent one (W3C trace context).
    pub(crate) fn of(call: &Call, headers: &HeaderMap) -> Self {
        let method = call.path.trim_start_matches('/');
        let caller = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
        let above = caller.span().span_context().clone();
        // By this the lines of the log are found that belong to a trace. Given at once: what is added to a span later is
        // parsed and written out again for the log.
        let trace_id = above.is_valid().then(|| field::display(above.trace_id()));
        if above.is_valid() && !above.is_sampled() {
            let span = tracing::info_span!(
                target: UNTRACED,
                CALL,
                otel.name = method,
                trace_id,
                client = field::Empty,
                on_behalf_of = field::Empty
            );
            return Self { span, untraced_caller: Some(caller) };
        }
        let span = tracing::info_span!(
            CALL,
            otel.name = method,
            otel.kind = "server",
            trace_id,
            client = field::Empty,
            on_behalf_of = field::Empty
        );
        let _ = span.set_parent(caller);
        // An attribute is for the trace alone; a field is written out for the log as well.
        span.set_attribute("rpc.system.name", "grpc");
        span.set_attribute("rpc.method", method);
        Self { span, untraced_caller: None }
    }

    /// Does the work of the call under it.
    pub(crate) fn run<F: Future>(&mut self, work: F) -> impl Future<Output = F::Output> + use<F> {
        UNTRACED_CALLER.scope(self.untraced_caller.take(), work).instrument(self.span.clone())
    }

    /// How the call was answered.
    pub(crate) fn end(&self, code: Code) {
        self.span.set_attribute("rpc.response.status_code", name(code));
        if is_ours(code) {
            self.span.set_status(Status::error(""));
        }
    }
}

/// Whether a call that ended so went wrong on our side.
fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
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

/// The span of what several calls share: that of the first that is traced, or of the first.
pub(crate) fn shared_span<'a>(mut calls: impl Iterator<Item = &'a Span> + Clone) -> Span {
    let traced = calls.clone().find(|span| span.metadata().is_some_and(is_traced));
    traced.or_else(|| calls.next()).cloned().unwrap_or_else(Span::none)
}

/// The present span as metadata for a call to another service; or the caller's, which says that nothing is traced.
pub(crate) fn headers() -> HashMap<String, String> {
    struct Map(HashMap<String, String>);
    impl Injector for Map {
        fn set(&mut self, key: &str, value: String) {
            self.0.insert(key.to_owned(), value);
        }
    }
    let untraced = UNTRACED_CALLER.try_with(Clone::clone).ok().flatten();
    let context = untraced.unwrap_or_else(|| Span::current().context());
    let mut map = Map(HashMap::new());
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
