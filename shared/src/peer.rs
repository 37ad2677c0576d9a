//! Calling another service: this service's own token in `authorization`, the person's beside it, a short deadline, the
//! trace passed on, over every replica that DNS names. A caller who gives up ends the call with it.

mod replicas;

use std::{collections::HashMap, sync::Arc, time::Duration};

use crewup_proto::call::{self, Retry};
use prost::Message;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;
use url::Url;

use replicas::Replicas;
pub use replicas::{Lookup, Resolver, dns};

use crate::{
    auth::Identity,
    clock, deadline,
    error::{Error, ErrorReason, Result},
    issuer::Issuer,
    layer::USER_TOKEN,
    telemetry,
    tls::Tls,
};

/// The longest that a call takes, its repetitions included.
const CALL: Duration = Duration::from_secs(3);
/// Runs of a call that the contract marks as safe.
const RUNS: u32 = 4;
/// A service's token is renewed so long before its end, in seconds.
const EARLY: u64 = 30;

/// This service's own identity: a client-credentials token of the issuer, renewed in time.
pub struct ServiceIdentity {
    issuer: Issuer,
    client: String,
    secret: SecretString,
    current: Mutex<Option<(SecretString, u64)>>,
}

impl ServiceIdentity {
    /// The client `client` of the issuer. Asks for nothing yet.
    pub fn new(issuer: Issuer, client: &str, secret: SecretString) -> Self {
        Self { issuer, client: client.to_owned(), secret, current: Mutex::new(None) }
    }

    async fn token(&self) -> Result<SecretString> {
        let mut current = self.current.lock().await;
        let now = clock::unix_seconds();
        if let Some((token, _)) = current.as_ref().filter(|(_, until)| *until > now + EARLY) {
            return Ok(token.clone());
        }
        let granted = self.issuer.grant(&self.client, &self.secret).await;
        let granted = granted.map_err(|error| Error::from(ErrorReason::DependencyUnavailable).because(error))?;
        let token = granted.access_token;
        *current = Some((token.clone(), now + granted.expires_in));
        Ok(token)
    }

    /// Asks for another token at the next call.
    async fn forget(&self) {
        *self.current.lock().await = None;
    }
}

/// The services that this one calls, by name.
pub struct Peers {
    identity: ServiceIdentity,
    services: HashMap<&'static str, Replicas>,
}

impl Peers {
    /// Those of `urls` (name, URL), called as `identity`, with the certificate `tls`. The second part must be run
    /// ([`Resolver::work`]) for anything to be reached.
    pub fn new(
        identity: ServiceIdentity,
        urls: &[(&'static str, Url)],
        lookup: Lookup,
        tls: Option<&Arc<Tls>>,
    ) -> (Self, Vec<Resolver>) {
        let mut services = HashMap::new();
        let mut resolvers = Vec::new();
        for (name, url) in urls {
            let (replicas, resolver) = Replicas::of(name, url.clone(), lookup, tls.cloned());
            services.insert(*name, replicas);
            resolvers.push(resolver);
        }
        (Self { identity, services }, resolvers)
    }

    /// Makes the internal call `path` on behalf of `person`. A call that the contract marks as safe is repeated where the
    /// connection or the replica was lost. What the peer says of the person or the object is the error; what went wrong
    /// between services is DEPENDENCY_UNAVAILABLE.
    pub async fn call<Req, Res>(&self, path: &'static str, request: &Req, person: &Identity) -> Result<Res>
    where
        Req: Message + Clone + Default + 'static,
        Res: Message + Default + 'static,
    {
        match tokio::time::timeout(most(), self.repeated(path, request, person)).await {
            Ok(done) => done,
            Err(_) => Err(Error::from(ErrorReason::DependencyUnavailable).because("the peer did not answer in time")),
        }
    }

    async fn repeated<Req, Res>(&self, path: &'static str, request: &Req, person: &Identity) -> Result<Res>
    where
        Req: Message + Clone + Default + 'static,
        Res: Message + Default + 'static,
    {
        let call = call::find(path).ok_or_else(|| Error::internal(format!("no call {path}")))?;
        let runs = if call.retry == Retry::Unsafe { 1 } else { RUNS };
        let name = path.split('.').nth(1).unwrap_or_default();
        let replicas = self.services.get(name).ok_or_else(|| Error::internal(format!("{name} is no peer")))?;
        let path = PathAndQuery::from_static(path);
        for (run, replica) in (1..).zip(replicas.in_turn().await.iter().cycle()) {
            let mut client = Grpc::new(replica.channel.clone());
            let request = self.dressed(request.clone(), person).await?;
            let answer = async {
                client.ready().await.map_err(|error| Status::from_error(error.into()))?;
                client.unary(request, path.clone(), ProstCodec::<Req, Res>::default()).await
            };
            let status = match answer.await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            // A replica that went away, or has enough to do: the next run is at another one.
            let lost = matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled);
            if lost {
                replica.lost();
            }
            match status.code() {
                _ if lost && run < runs => {}
                // The person's token was verified here a moment ago: it is our own that is no longer accepted.
                Code::Unauthenticated if run < runs => self.identity.forget().await,
                _ => return Err(passed_on(status)),
            }
            tokio::time::sleep(Duration::from_millis(rand::random_range(1..=20 * u64::from(run)))).await;
        }
        Err(ErrorReason::DependencyUnavailable.into())
    }

    async fn dressed<T>(&self, message: T, person: &Identity) -> Result<Request<T>> {
        let mut request = Request::new(message);
        request.set_timeout(most());
        let service = self.identity.token().await?;
        let metadata = request.metadata_mut();
        metadata.insert("authorization", bearer(&service)?);
        metadata.insert(USER_TOKEN, bearer(&person.token)?);
        for (name, value) in telemetry::headers() {
            if let (Ok(name), Ok(value)) =
                (AsciiMetadataKey::from_bytes(name.as_bytes()), value.parse::<AsciiMetadataValue>())
            {
                metadata.insert(name, value);
            }
        }
        Ok(request)
    }
}

/// How long a call may take: no longer than the one that it is made for (X5).
fn most() -> Duration {
    deadline::left().map_or(CALL, |left| left.min(CALL))
}

fn bearer(token: &SecretString) -> Result<AsciiMetadataValue> {
    let mut value: AsciiMetadataValue = format!("Bearer {}", token.expose_secret()).parse().map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the peer said about the person or the object is the caller's business; what went wrong between services is not.
fn passed_on(status: Status) -> Error {
    let said = status.get_error_details().error_info().map(|info| format!("ERROR_REASON_{}", info.reason));
    match said.as_deref().and_then(ErrorReason::from_str_name) {
        Some(
            reason @ (ErrorReason::ProfileIncomplete
            | ErrorReason::EmailTaken
            | ErrorReason::UserErased
            | ErrorReason::UserBanned
            | ErrorReason::UserDeactivated
            | ErrorReason::NotFound),
        ) => reason.into(),
        _ => Error::from(ErrorReason::DependencyUnavailable).because(status),
    }
}
