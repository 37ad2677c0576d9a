//! People who call the services, and the few things that most of them do.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound as _, Utc};
use crewup_proto::{
    event::{event_service_client::EventServiceClient, *},
    user::{
        BlockUserRequest, CreateRatingRequest, GetMeRequest, GetUserRequest, Profile, Rating, UpdateMeRequest, User,
        user_service_client::UserServiceClient,
    },
};
use futures_util::future::join_all;
use prost_types::Timestamp;
use tokio::sync::OnceCell;
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

/// Puts a token on every call.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

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
    event: Channel,
    user: Channel,
    id: OnceCell<String>,
}

impl Persona {
    pub(crate) fn new(token: String, event: SocketAddr, user: SocketAddr) -> Self {
        Self { token, event: channel(event), user: channel(user), id: OnceCell::new() }
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    fn bearer(&self) -> Bearer {
        Bearer(format!("Bearer {}", self.token).parse().expect("a token is ASCII"))
    }

    /// The event service.
    pub fn events(&self) -> EventServiceClient<Authed> {
        EventServiceClient::with_interceptor(self.event.clone(), self.bearer())
    }

    /// The event service at another replica.
    pub fn events_at(&self, addr: SocketAddr) -> EventServiceClient<Authed> {
        EventServiceClient::with_interceptor(channel(addr), self.bearer())
    }

    /// The user service.
    pub fn users(&self) -> UserServiceClient<Authed> {
        UserServiceClient::with_interceptor(self.user.clone(), self.bearer())
    }

    /// The user service at another replica.
    pub fn users_at(&self, addr: SocketAddr) -> UserServiceClient<Authed> {
        UserServiceClient::with_interceptor(channel(addr), self.bearer())
    }

    /// The person's id.
    pub async fn id(&self) -> String {
        let id = self.id.get_or_init(|| async { self.me().await.expect("GetMe").id });
        id.await.clone()
    }

    /// Reads the own profile.
    pub async fn me(&self) -> Result<Profile, Status> {
        Ok(self.users().get_me(GetMeRequest {}).await?.into_inner().profile.expect("a profile"))
    }

    /// Edits the fields `mask` of the own profile.
    pub async fn edit(&self, profile: Profile, mask: &[&str]) -> Result<Profile, Status> {
        let mask = prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() };
        let request = UpdateMeRequest { profile: Some(profile), update_mask: Some(mask) };
        Ok(self.users().update_me(request).await?.into_inner().profile.expect("a profile"))
    }

    /// Reads another's profile.
    pub async fn see(&self, user: &str) -> Result<User, Status> {
        let request = GetUserRequest { user_id: user.into() };
        Ok(self.users().get_user(request).await?.into_inner().user.expect("a person"))
    }

    /// Blocks a person.
    pub async fn block(&self, user: &str) -> Result<(), Status> {
        self.users().block_user(BlockUserRequest { user_id: user.into() }).await.map(drop)
    }

    /// Rates a person for an event.
    pub async fn rate(&self, user: &str, event: &str, stars: i32) -> Result<Rating, Status> {
        let request = CreateRatingRequest {
            rated_user_id: user.into(),
            event_id: event.into(),
            rating: stars,
            comment: String::new(),
            request_id: request_id(),
        };
        Ok(self.users().create_rating(request).await?.into_inner().rating.expect("a rating"))
    }

    /// Makes an event as `draft` says.
    pub async fn create(&self, draft: Event) -> Result<Event, Status> {
        let request = CreateEventRequest { event: Some(draft), request_id: request_id() };
        Ok(self.events().create_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Reads an event.
    pub async fn get(&self, event: &str) -> Result<Event, Status> {
        let request = GetEventRequest { event_id: event.into() };
        Ok(self.events().get_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Answers an event.
    pub async fn answer(&self, event: &str, status: AttendanceStatus) -> Result<Attendance, Status> {
        let request = SetAttendanceRequest { event_id: event.into(), status: status.into() };
        Ok(self.events().set_attendance(request).await?.into_inner().attendance.expect("an attendance"))
    }

    /// Is going.
    pub async fn go(&self, event: &str) -> Result<Attendance, Status> {
        self.answer(event, AttendanceStatus::Going).await
    }

    /// Is not going.
    pub async fn leave(&self, event: &str) -> Result<Attendance, Status> {
        self.answer(event, AttendanceStatus::NotGoing).await
    }

    /// Cancels an event.
    pub async fn cancel(&self, event: &str) -> Result<Event, Status> {
        let request = CancelEventRequest { event_id: event.into() };
        Ok(self.events().cancel_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Edits the fields `mask` of an event.
    pub async fn update(&self, event: Event, mask: &[&str]) -> Result<Event, Status> {
        let mask = prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() };
        let request = UpdateEventRequest { event: Some(event), update_mask: Some(mask) };
        Ok(self.events().update_event(request).await?.into_inner().event.expect("an event"))
    }

    /// Makes a link to a private event; answers its secret.
    pub async fn link(&self, event: &str, max_uses: Option<i32>) -> Result<String, Status> {
        let request = CreateInvitationRequest {
            event_id: event.into(),
            max_uses,
            request_id: request_id(),
            ..Default::default()
        };
        Ok(self.events().create_invitation(request).await?.into_inner().token)
    }

    /// Uses a link.
    pub async fn accept(&self, token: &str) -> Result<Event, Status> {
        let invitation = Some(accept_invitation_request::Invitation::Token(token.into()));
        let answer = self.events().accept_invitation(AcceptInvitationRequest { invitation }).await?;
        Ok(answer.into_inner().event.expect("an event"))
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

/// A channel that connects when it is first used.
pub fn channel(addr: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).expect("an address");
    endpoint.tcp_nodelay(true).timeout(Duration::from_secs(20)).connect_lazy()
}

/// A new request id.
pub fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// A public event in a week, for `max_attendees`.
pub fn party(max_attendees: Option<i32>) -> Event {
    Event {
        name: "Long Night".into(),
        r#type: EventType::Club.into(),
        address: "Pelikanplatz 18, Zürich".into(),
        start_time: Some(in_hours(7 * 24)),
        end_time: Some(in_hours(7 * 24 + 6)),
        max_attendees,
        ..Default::default()
    }
}

/// A private event in a week.
pub fn private_party(max_attendees: Option<i32>) -> Event {
    Event { is_public: Some(false), ..party(max_attendees) }
}

/// An instant from now by the machine's clock, which is the database's until a test moves that one.
#[allow(clippy::disallowed_methods, reason = "a client has only its own clock")]
pub fn in_hours(hours: i64) -> Timestamp {
    let at: DateTime<Utc> = Utc::now() + chrono::Duration::hours(hours);
    // The database keeps microseconds.
    crewup_shared::convert::timestamp(at.trunc_subsecs(6))
}
