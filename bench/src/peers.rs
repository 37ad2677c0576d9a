//! What the figures are held against, each in a process of its own: an empty call, a bare read, a server that locks and
//! counts; and the collector that takes the services' traces.

use std::{net::SocketAddr, str::FromStr as _};

use chrono::{DateTime, Utc};
use crewup_proto::event::{
    Event, GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse, SetAttendanceRequest,
    SetAttendanceResponse,
    event_service_server::{EventService, EventServiceServer},
};
use crewup_shared::{convert::timestamp, db::Db};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use sqlx::Executor as _;
use tonic::{Request, Response, Status, service::Routes, transport::Server, transport::server::TcpIncoming};
use uuid::Uuid;

use crate::{
    Failure,
    world::{Kind, id},
};

/// Runs in the role of a peer until it is killed.
pub async fn serve(role: &str, addr: SocketAddr) -> Result<(), Failure> {
    let routes = match role {
        "empty" => Routes::new(EventServiceServer::new(Empty { event: event() })),
        "bare-read" => Routes::new(EventServiceServer::new(BareRead(pool()?))),
        "lock-and-count" => Routes::new(EventServiceServer::new(LockAndCount(pool()?))),
        "collector" => {
            Routes::new(TraceServiceServer::new(Collector)).add_service(MetricsServiceServer::new(Collector))
        }
        _ => return Err(format!("no peer is called {role}").into()),
    };
    let listener = tokio::net::TcpListener::bind(addr).await?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(Server::builder().add_routes(routes).serve_with_incoming(incoming).await?)
}

fn pool() -> Result<Db, Failure> {
    let options = sqlx::postgres::PgConnectOptions::from_str(&std::env::var("DATABASE_URL")?)?;
    Ok(Db::new(options, "bench-peer", 12)?)
}

/// Answers what the event service would, without asking anybody: no token, no trace, no database.
struct Empty {
    event: Event,
}

fn event() -> Event {
    Event {
        id: id(Kind::Event, 1).to_string(),
        creator_id: id(Kind::Person, 1).to_string(),
        name: "Vinyl Rave @ Kaufleuten".into(),
        description: "Doors at eight, music from nine. Bring a friend, and leave the phone in the pocket.".into(),
        address: "Langstrasse 17".into(),
        time_zone: "Europe/Zurich".into(),
        max_attendees: Some(200),
        start_time: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
        end_time: Some(prost_types::Timestamp { seconds: 1_800_018_000, nanos: 0 }),
        etag: "r1".into(),
        going_count: 17,
        ..Default::default()
    }
}

#[tonic::async_trait]
impl EventService for Empty {
    async fn get_event(&self, _: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        Ok(Response::new(GetEventResponse { event: Some(self.event.clone()) }))
    }

    async fn list_events(&self, _: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let events = vec![self.event.clone(); 50];
        Ok(Response::new(ListEventsResponse { events, ..Default::default() }))
    }
}

/// The least that reads an event: one row by its key, over the services' pool. No token, no trace, and no question who may see it.
struct BareRead(Db);

type Row =
    (Uuid, Uuid, String, Option<String>, Option<String>, String, Option<i32>, DateTime<Utc>, Option<DateTime<Utc>>);

impl BareRead {
    async fn read(&self, event: Uuid) -> Result<Option<Row>, crewup_shared::error::Error> {
        let mut lease = self.0.lease().await?;
        let row = sqlx::query_as(
            "select id, creator_id, name, description, address, time_zone, max_attendees, event_start, event_end
             from events where id = $1",
        )
        .bind(event)
        .fetch_optional(&mut *lease)
        .await?;
        lease.back();
        Ok(row)
    }
}

#[tonic::async_trait]
impl EventService for BareRead {
    async fn get_event(&self, request: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        let Ok(event) = Uuid::try_parse(&request.get_ref().event_id) else {
            return Err(Status::invalid_argument("which?"));
        };
        let row = self.read(event).await.map_err(crewup_shared::error::Error::into_status)?;
        let Some((id, creator, name, description, address, time_zone, max_attendees, start, end)) = row else {
            return Err(Status::not_found("no such event"));
        };
        let event = Event {
            id: id.to_string(),
            creator_id: creator.to_string(),
            name,
            description: description.unwrap_or_default(),
            address: address.unwrap_or_default(),
            time_zone,
            max_attendees,
            start_time: Some(timestamp(start)),
            end_time: end.map(timestamp),
            ..Default::default()
        };
        Ok(Response::new(GetEventResponse { event: Some(event) }))
    }
}

/// How seats are usually given: lock the event, count who goes, insert. Bare: no token, no trace, no rule but this.
struct LockAndCount(Db);

impl LockAndCount {
    async fn go(&self, event: Uuid, person: Uuid) -> Result<bool, crewup_shared::error::Error> {
        let mut lease = self.0.lease().await?;
        lease.execute("begin").await?;
        let most: Option<i32> = sqlx::query_scalar("select max_attendees from events where id = $1 for no key update")
            .bind(event)
            .fetch_one(&mut *lease)
            .await?;
        let going: i64 =
            sqlx::query_scalar("select count(*) from event_attendees where event_id = $1 and status = 'going'")
                .bind(event)
                .fetch_one(&mut *lease)
                .await?;
        let free = most.is_none_or(|most| going < i64::from(most));
        if free {
            sqlx::query(
                "insert into event_attendees (event_id, user_id, status) values ($1, $2, 'going') on conflict do nothing",
            )
            .bind(event)
            .bind(person)
            .execute(&mut *lease)
            .await?;
        }
        lease.execute("commit").await?;
        lease.back();
        Ok(free)
    }
}

#[tonic::async_trait]
impl EventService for LockAndCount {
    async fn set_attendance(
        &self,
        request: Request<SetAttendanceRequest>,
    ) -> Result<Response<SetAttendanceResponse>, Status> {
        let caller = request.metadata().get("x-bench-caller").and_then(|caller| caller.to_str().ok()?.parse().ok());
        let event = Uuid::try_parse(&request.get_ref().event_id);
        let (Some(caller), Ok(event)) = (caller, event) else { return Err(Status::invalid_argument("who?")) };
        match self.go(event, id(Kind::Person, caller)).await {
            Ok(true) => Ok(Response::new(SetAttendanceResponse::default())),
            Ok(false) => Err(Status::failed_precondition("full")),
            Err(error) => Err(error.into_status()),
        }
    }
}

struct Collector;

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
