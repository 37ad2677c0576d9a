//! Calling another service: its own token in `authorization`, the person's beside it, a short deadline, the trace
//! passed on. A caller who gives up ends the call with it.

use std::{sync::Arc, time::Duration};

use crewup_proto::crewup::user::internal::v1::{
    EnsureUserRequest, user_internal_service_client::UserInternalServiceClient,
};
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tonic::{
    Code, Request, Status,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::{
    app::Accounts,
    auth::Identity,
    clock,
    error::{Error, ErrorReason, Result},
    id::UserId,
    issuer::Issuer,
    layer::USER_TOKEN,
    telemetry,
};

const CONNECT: Duration = Duration::from_secs(1);
const CALL: Duration = Duration::from_secs(3);
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

/// The user service, for every other service.
pub struct UserPeer {
    client: UserInternalServiceClient<Channel>,
    identity: ServiceIdentity,
}

impl UserPeer {
    /// At `url`, connected when it is first needed.
    pub fn new(url: &str, identity: ServiceIdentity) -> Result<Arc<Self>> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(Error::internal)?;
        let channel = endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect_lazy();
        Ok(Arc::new(Self { client: UserInternalServiceClient::new(channel), identity }))
    }

    async fn ensure_user(&self, person: &Identity) -> Result<UserId> {
        let mut last = None;
        // Idempotent, so that a connection which broke in the middle costs nothing but another try.
        for _ in 0..2 {
            let request = self.request(EnsureUserRequest {}, person).await?;
            match self.client.clone().ensure_user(request).await {
                Ok(answer) => {
                    let id = Uuid::try_parse(&answer.into_inner().user_id).map_err(Error::internal)?;
                    return Ok(UserId(id));
                }
                Err(status) if status.code() == Code::Unavailable => last = Some(status),
                Err(status) if status.code() == Code::Unauthenticated => {
                    // The person's token was verified here a moment ago: it is our own that is no longer accepted.
                    self.identity.forget().await;
                    last = Some(status);
                }
                Err(status) => return Err(passed_on(status)),
            }
        }
        Err(last.map_or_else(|| Error::internal("no answer"), passed_on))
    }

    async fn request<T>(&self, message: T, person: &Identity) -> Result<Request<T>> {
        let mut request = Request::new(message);
        request.set_timeout(CALL);
        let service = self.identity.token().await?;
        let metadata = request.metadata_mut();
        metadata.insert("authorization", bearer(&service)?);
        metadata.insert(USER_TOKEN, bearer(&person.token)?);
        for (name, value) in telemetry::trace_headers() {
            if let (Ok(name), Ok(value)) =
                (AsciiMetadataKey::from_bytes(name.as_bytes()), value.parse::<AsciiMetadataValue>())
            {
                metadata.insert(name, value);
            }
        }
        Ok(request)
    }
}

impl Accounts for UserPeer {
    fn ensure<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<UserId>> {
        Box::pin(self.ensure_user(identity))
    }
}

fn bearer(token: &SecretString) -> Result<AsciiMetadataValue> {
    let mut value: AsciiMetadataValue = format!("Bearer {}", token.expose_secret()).parse().map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the peer said about the person is the caller's business; what went wrong between services is not.
fn passed_on(status: Status) -> Error {
    let said = status.get_error_details().error_info().map(|info| format!("ERROR_REASON_{}", info.reason));
    match said.as_deref().and_then(ErrorReason::from_str_name) {
        Some(reason @ (ErrorReason::ProfileIncomplete | ErrorReason::EmailTaken | ErrorReason::UserErased)) => {
            reason.into()
        }
        _ => Error::from(ErrorReason::DependencyUnavailable).because(status),
    }
}
