//! People who call the services, and the few things that most of them do.

mod alerts;
mod crews;
mod events;
mod moderation;
mod people;
mod streams;

pub use crews::{crew, private_crew};
pub use events::{party, private_party};
pub use moderation::{ban_of, report_of};
pub use streams::Live;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use chrono::{DateTime, SubsecRound as _, Utc};
use crewup_proto::{
    event::event_service_client::EventServiceClient, group::group_service_client::GroupServiceClient,
    moderation::moderation_service_client::ModerationServiceClient, page::Paged,
    safety::safety_service_client::SafetyServiceClient, user::user_service_client::UserServiceClient,
};
use futures_util::future::join_all;
use prost_types::Timestamp;
use tokio::sync::OnceCell;
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};
use uuid::Uuid;

use crate::pki::pki;

/// Puts a token on every call.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Bearer {
    /// The token `token`.
    pub fn new(token: &str) -> Self {
        Self(format!("Bearer {token}").parse().expect("a token is ASCII"))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A channel that carries a token.
pub type Authed = InterceptedService<Channel, Bearer>;

/// A person with a token.
pub struct Persona {
    token: String,
    services: HashMap<&'static str, Channel>,
    id: OnceCell<String>,
}

impl Persona {
    pub(crate) fn new(token: String, services: impl IntoIterator<Item = (&'static str, SocketAddr)>) -> Self {
        let services = services.into_iter().map(|(name, addr)| (name, channel(addr, name))).collect();
        Self { token, services, id: OnceCell::new() }
    }

    /// The same person with another token.
    #[must_use]
    pub fn with_token(&self, token: String) -> Self {
        Self { token, services: self.services.clone(), id: self.id.clone() }
    }

    /// The same person, who calls every service over `channel`, such as that to an edge.
    #[must_use]
    pub fn through(&self, channel: &Channel) -> Self {
        let services = self.services.keys().map(|name| (*name, channel.clone())).collect();
        Self { token: self.token.clone(), services, id: self.id.clone() }
    }

    /// The same person, who calls another replica of a service.
    #[must_use]
    pub fn at(&self, service: &'static str, addr: SocketAddr) -> Self {
        let mut services = self.services.clone();
        services.insert(service, channel(addr, service));
        Self { token: self.token.clone(), services, id: self.id.clone() }
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    fn bearer(&self) -> Bearer {
        Bearer::new(&self.token)
    }

    fn service(&self, name: &str) -> Channel {
        self.services.get(name).unwrap_or_else(|| panic!("no {name} service in this mesh")).clone()
    }

    /// The event service.
    pub fn events(&self) -> EventServiceClient<Authed> {
        EventServiceClient::with_interceptor(self.service("event"), self.bearer())
    }

    /// The event service at another replica.
    pub fn events_at(&self, addr: SocketAddr) -> EventServiceClient<Authed> {
        EventServiceClient::with_interceptor(channel(addr, "event"), self.bearer())
    }

    /// The group service.
    pub fn groups(&self) -> GroupServiceClient<Authed> {
        GroupServiceClient::with_interceptor(self.service("group"), self.bearer())
    }

    /// The group service at another replica.
    pub fn groups_at(&self, addr: SocketAddr) -> GroupServiceClient<Authed> {
        GroupServiceClient::with_interceptor(channel(addr, "group"), self.bearer())
    }

    /// The user service.
    pub fn users(&self) -> UserServiceClient<Authed> {
        UserServiceClient::with_interceptor(self.service("user"), self.bearer())
    }

    /// The user service at another replica.
    pub fn users_at(&self, addr: SocketAddr) -> UserServiceClient<Authed> {
        UserServiceClient::with_interceptor(channel(addr, "user"), self.bearer())
    }

    /// The safety service.
    pub fn safety(&self) -> SafetyServiceClient<Authed> {
        SafetyServiceClient::with_interceptor(self.service("safety"), self.bearer())
    }

    /// The safety service at another replica.
    pub fn safety_at(&self, addr: SocketAddr) -> SafetyServiceClient<Authed> {
        SafetyServiceClient::with_interceptor(channel(addr, "safety"), self.bearer())
    }

    /// The moderation service.
    pub fn moderation(&self) -> ModerationServiceClient<Authed> {
        ModerationServiceClient::with_interceptor(self.service("moderation"), self.bearer())
    }

    /// The moderation service at another replica.
    pub fn moderation_at(&self, addr: SocketAddr) -> ModerationServiceClient<Authed> {
        ModerationServiceClient::with_interceptor(channel(addr, "moderation"), self.bearer())
    }

    /// Notes the person's id, for who cannot ask for it later.
    pub fn remember_id(&self, id: &str) {
        let _ = self.id.set(id.to_owned());
    }

    /// The person's id.
    pub async fn id(&self) -> String {
        let id = self.id.get_or_init(|| async { self.me().await.expect("GetMe").id });
        id.await.clone()
    }
}

/// The rows of all pages of a list, one page after the other. `ask` answers one page and the token of the next; each but the last
/// must be full.
pub async fn pages<R: Paged, T>(mut request: R, ask: impl AsyncFn(R) -> (Vec<T>, String)) -> Vec<T> {
    let mut found = Vec::new();
    loop {
        let (rows, next) = ask(request.clone()).await;
        let (size, token) = request.page();
        assert!(next.is_empty() || rows.len() == *size as usize, "a short page in the middle");
        found.extend(rows);
        if next.is_empty() {
            return found;
        }
        *token = next;
    }
}

/// Everyone at once, each as a task of its own.
pub async fn at_once<T, F>(people: &Arc<Vec<Persona>>, act: impl Fn(usize, Arc<Vec<Persona>>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..people.len()).map(|at| tokio::spawn(act(at, Arc::clone(people))));
    join_all(tasks).await.into_iter().map(|done| done.expect("no panic")).collect()
}

/// A channel to a service, with the certificate of the edge, through which people come. It connects when it is first used.
pub fn channel(addr: SocketAddr, service: &str) -> Channel {
    pki().channel("edge", service, addr)
}

/// A new request id.
pub fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// An instant from now by the machine's clock, which is the database's until a test moves that one.
#[allow(clippy::disallowed_methods, reason = "a client has only its own clock")]
pub fn in_hours(hours: i64) -> Timestamp {
    let at: DateTime<Utc> = Utc::now() + chrono::Duration::hours(hours);
    // The database keeps microseconds.
    crewup_shared::convert::timestamp(at.trunc_subsecs(6))
}
