//! People who call the edge, over whichever transport.

use std::time::Duration;

use crewup_proto::{
    event::event_service_client::EventServiceClient, group::group_service_client::GroupServiceClient,
    moderation::moderation_service_client::ModerationServiceClient, safety::safety_service_client::SafetyServiceClient,
    user::user_service_client::UserServiceClient,
};
use crewup_tests::{persona::Bearer, persona::request_id};
use http::{Request, Response, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tonic::{body::Body, service::interceptor::InterceptedService, transport::Endpoint};
use tonic_web::GrpcWebClientLayer;
use tower::{BoxError, ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};

/// What a call goes over.
pub(crate) type Transport = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;
type Authed = InterceptedService<Transport, Bearer>;

/// gRPC over h2.
pub(crate) fn grpc(edge: &str) -> Transport {
    let endpoint = Endpoint::from_shared(edge.to_owned()).expect("a URL").timeout(Duration::from_secs(20));
    BoxCloneSyncService::new(endpoint.connect_lazy().map_err(Into::into))
}

/// grpc-web over HTTP/1.1, as a browser speaks it.
pub(crate) fn grpc_web(_edge: &str) -> Transport {
    let client = Client::builder(TokioExecutor::new()).build_http::<tonic_web::GrpcWebCall<Body>>();
    let service = ServiceBuilder::new().layer(GrpcWebClientLayer::new()).service(client);
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)).map_err(Into::into))
}

/// Lets people sign in who call over one transport.
pub(crate) struct Casting {
    transport: Transport,
    edge: Uri,
    issuer: String,
    run: String,
    http: reqwest::Client,
}

impl Casting {
    pub(crate) fn new(transport: Transport, edge: &str, issuer: &str) -> Self {
        let run = request_id()[24..].to_owned();
        let (edge, issuer) = (edge.parse().expect("a URL"), issuer.to_owned());
        Self { transport, edge, issuer, run, http: reqwest::Client::new() }
    }

    /// A person of this run of the story.
    pub(crate) async fn person(&self, part: &str) -> Person {
        self.sign_in(&format!("{part}-{}", self.run)).await
    }

    /// One of the demo people, such as `mod`.
    pub(crate) async fn sign_in(&self, name: &str) -> Person {
        let form =
            [("grant_type", "password"), ("client_id", "crewup-cli"), ("username", name), ("password", "crewup")];
        let url = format!("{}/protocol/openid-connect/token", self.issuer);
        let answer = self.http.post(url).form(&form).send().await.expect("the issuer answers");
        let answer: Value = answer.json().await.expect("JSON");
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        let bearer = Bearer::new(&token);
        let mut person =
            Person { bearer, transport: self.transport.clone(), edge: self.edge.clone(), id: String::new() };
        let me = person.users().get_me(crewup_proto::user::GetMeRequest {}).await.expect("a profile");
        person.id = me.into_inner().profile.expect("a profile").id;
        person
    }
}

/// A person who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    bearer: Bearer,
    transport: Transport,
    edge: Uri,
    pub(crate) id: String,
}

macro_rules! client {
    ($name:ident, $client:ident) => {
        pub(crate) fn $name(&self) -> $client<Authed> {
            $client::with_origin(
                InterceptedService::new(self.transport.clone(), self.bearer.clone()),
                self.edge.clone(),
            )
        }
    };
}

impl Person {
    client!(events, EventServiceClient);
    client!(groups, GroupServiceClient);
    client!(users, UserServiceClient);
    client!(safety, SafetyServiceClient);
    client!(moderation, ModerationServiceClient);
}
