//! What stands in front of every call: load limit, deadline, token, access rule, a caught panic, one shape of errors,
//! a span and a figure. Default deny: a path that the contracts do not name is answered here.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, task, time::Duration};

use crewup_proto::call::{self, Access, Call};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use tokio::sync::Semaphore;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::{
    app::Context,
    auth::{Identity, Role, Verifier},
    bulkhead::Bulkhead,
    clock,
    config::Config,
    deadline,
    error::{Error, ErrorReason, Result},
    quota::Quotas,
    telemetry::{self, CallFigures, Trace},
    tls::{self, Caller},
};

/// The metadata in which a service shows the token of the person on whose behalf it calls.
pub const USER_TOKEN: &str = "x-crewup-user-token";

/// Served beside the contracts, to everyone who reaches the port: health for probes and Envoy, reflection where it is
/// switched on.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Makes an [`Entry`] of every service.
#[derive(Clone)]
pub struct EntryLayer(Arc<Gate>);

struct Gate {
    verifier: Arc<Verifier>,
    quotas: Quotas,
    slots: Semaphore,
    bulkhead: Bulkhead,
    longest: Duration,
    figures: CallFigures,
}

impl EntryLayer {
    /// What `config` bounds, and of one person as many calls as `quotas` says.
    pub(crate) fn new(verifier: Arc<Verifier>, quotas: Quotas, config: &Config) -> Self {
        let (slots, bulkhead) = (Semaphore::new(config.max_in_flight), Bulkhead::new(config.db_connections));
        let longest = config.max_call();
        Self(Arc::new(Gate { verifier, quotas, slots, bulkhead, longest, figures: CallFigures::new() }))
    }
}

impl<S> Layer<S> for EntryLayer {
    type Service = Entry<S>;

    fn layer(&self, inner: S) -> Entry<S> {
        Entry { gate: Arc::clone(&self.0), inner }
    }
}

/// The door of a server.
#[derive(Clone)]
pub struct Entry<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> Service<Request<Body>> for Entry<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, std::result::Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<std::result::Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        // The clone is the one that is not ready; the ready one goes with the call.
        let fresh = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, fresh);
        Box::pin(async move { Ok(gate.pass(inner, request).await) })
    }
}

impl Gate {
    async fn pass<S>(&self, mut inner: S, request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let path = request.uri().path();
        if OPEN.iter().any(|open| path.starts_with(open)) {
            let Ok(response) = inner.call(request).await;
            return response;
        }
        let Some(call) = call::find(path) else {
            return Error::from(ErrorReason::UnknownCall).into_status().into_http();
        };
        let mut trace = Trace::of(call, request.headers());
        let started = clock::instant();
        let work = async {
            match self.admitted(inner, request, call).await {
                Ok(response) => one_shape(response),
                Err(error) => error.into_status().into_http(),
            }
        };
        let response = trace.run(work).await;
        let code = code_of(&response);
        trace.end(code);
        self.figures.record(call, code, started.elapsed());
        response
    }

    async fn admitted<S>(&self, mut inner: S, mut request: Request<Body>, call: &'static Call) -> Result<Response<Body>>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        // Urgent ones need no place.
        let full = |_| Error::from(ErrorReason::Overloaded).retry_after(Duration::from_millis(250));
        let _slot = (!call.urgent).then(|| self.slots.try_acquire()).transpose().map_err(full)?;
        // A little before tonic's own timer, which would answer CANCELLED without details.
        let asked = deadline::asked(request.headers()).map(|asked| asked.saturating_sub(Duration::from_millis(5)));
        let most = asked.map_or(self.longest, |asked| asked.min(self.longest));
        let work = async {
            let workload = request.extensions().get::<Caller>().and_then(|caller| caller.0.clone());
            let context = self.context(request.headers(), workload.as_deref(), call).await?;
            request.extensions_mut().insert(context);
            let place = if call.bulk && !call.urgent { Some(self.bulkhead.enter().await?) } else { None };
            let Ok(response) = inner.call(request).await;
            Ok(match place {
                Some(place) => place.until_sent(response),
                None => response,
            })
        };
        match deadline::within(most, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Error::internal("a handler panicked")),
            Err(_) => Err(ErrorReason::DeadlineExceeded.into()),
        }
    }

    /// Verifies the tokens and applies the part of the access rule that needs no row. `workload` is who made the connection,
    /// where it has mutual TLS.
    async fn context(&self, headers: &HeaderMap, workload: Option<&str>, call: &'static Call) -> Result<Context> {
        let identity = self.verifier.verify(only(headers, "authorization")?).await?;
        telemetry::name_client(&identity.client);
        if call.access.contains(&Access::Service) {
            must_be_service(&identity, workload, call)?;
            let on_behalf = self.verifier.verify(only(headers, USER_TOKEN)?).await?;
            if on_behalf.role == Role::Service {
                return Err(ErrorReason::PersonOnly.into());
            }
            telemetry::name_service(&identity.client, &on_behalf.subject);
            return Ok(Context { identity, on_behalf: Some(on_behalf), call });
        }
        // People come through the edge: no service goes about with the tokens that it was shown.
        if identity.role == Role::Service || !workload.is_none_or(|name| [tls::EDGE, tls::DEVELOPMENT].contains(&name))
        {
            return Err(ErrorReason::PersonOnly.into());
        }
        if call.access == [Access::Moderator] && identity.role < Role::Moderator {
            return Err(ErrorReason::RoleRequired.into());
        }
        self.quotas.take(call.quota, identity.subject_hash).await?;
        Ok(Context { identity, on_behalf: None, call })
    }
}

/// The value of a header that says who calls. Two of them do not: each hop could believe another one.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>> {
    let mut values = headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Error::from(ErrorReason::TokenInvalid).because("two headers where one says who calls")),
    }
}

/// Refuses who is no service that the contract names for this call, by its token and, where there is one, its certificate.
fn must_be_service(identity: &Identity, workload: Option<&str>, call: &Call) -> Result<()> {
    let name = identity.client.strip_prefix("crewup-").filter(|_| identity.role == Role::Service);
    let named =
        name.is_some_and(|name| call.callers.contains(&name) && workload.is_none_or(|workload| workload == name));
    if named {
        return Ok(());
    }
    let cause = format!("client {:?} on a connection of {workload:?}", identity.client);
    Err(Error::from(ErrorReason::ServiceOnly).because(cause))
}

fn code_of(response: &Response<Body>) -> Code {
    response.headers().get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// Gives the errors that tonic makes itself the shape of ours: they are the ones without details.
fn one_shape(response: Response<Body>) -> Response<Body> {
    let headers = response.headers();
    if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
        return response;
    }
    let reason = match code_of(&response) {
        Code::Ok => return response,
        // Bytes that are not the message, or not a gRPC frame.
        Code::Internal | Code::InvalidArgument => ErrorReason::MalformedRequest,
        Code::OutOfRange | Code::ResourceExhausted => ErrorReason::RequestTooLarge,
        Code::Cancelled => ErrorReason::Cancelled,
        Code::Unimplemented => ErrorReason::UnknownCall,
        code => {
            tracing::error!(?code, "an error came past shared::error");
            ErrorReason::Internal
        }
    };
    let cause = Status::from_header_map(headers).map(|status| status.message().to_owned());
    Error::from(reason).because(cause.unwrap_or_default()).into_status().into_http()
}
