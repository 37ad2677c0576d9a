//! What the figures are held against, each in a process of its own: an empty call, a bare read, a server that locks and
//! counts, one that sends and notifies; and the collector that takes the services' traces.

use std::{net::SocketAddr, str::FromStr as _};

use chrono::{DateTime, Utc};
use crewup_proto::{
    event::{
        Event, GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse, SetAttendanceRequest,
        SetAttendanceResponse,
        event_service_server::{EventService, EventServiceServer},
    },
    group::{
        Message, Person, SendMessageRequest, SendMessageResponse,
        group_service_server::{GroupService, GroupServiceServer},
    },
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
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use sqlx::Executor as _;
use tonic::{Request, Response, Status, service::Routes, transport::Server, transport::server::TcpIncoming};
use uuid::Uuid;

use crate::{
    Failure,
    world::{Kind, id},
};

/// The role of the empty call where its server has one thread, as a service has.
pub const EMPTY_ONE_THREAD: &str = "empty-one-thread";

/// Runs in the role of a peer until it is killed.
pub async fn serve(role: &str, addr: SocketAddr) -> Result<(), Failure> {
    let routes = match role {
        "empty" | EMPTY_ONE_THREAD => Routes::new(EventServiceServer::new(Empty { event: event() })),
        "bare-read" => Routes::new(EventServiceServer::new(BareRead(pool()?))),
        "lock-and-count" => Routes::new(EventServiceServer::new(LockAndCount(pool()?))),
        "send-and-notify" => Routes::new(GroupServiceServer::new(SendAndNotify(pool()?))),
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
        let caller = caller(&request);
        let event = Uuid::try_parse(&request.get_ref().event_id);
        let (Some(caller), Ok(event)) = (caller, event) else { return Err(Status::invalid_argument("who?")) };
        match self.go(event, id(Kind::Person, caller)).await {
            Ok(true) => Ok(Response::new(SetAttendanceResponse::default())),
            Ok(false) => Err(Status::failed_precondition("full")),
            Err(error) => Err(error.into_status()),
        }
    }
}

fn caller<Req>(request: &Request<Req>) -> Option<u64> {
    request.metadata().get("x-bench-caller")?.to_str().ok()?.parse().ok()
}

/// How messages are usually told of: NOTIFY in the transaction that writes the message. It keeps the rules of SendMessage (a
/// person is entered, a request counts once, members alone send, not too often, to a chat that is open, by numbers without a gap),
/// in as few statements as they take. Bare: no token, no trace.
struct SendAndNotify(Db);

impl SendAndNotify {
    async fn send(
        &self,
        sender: Uuid,
        request: &SendMessageRequest,
    ) -> Result<Option<i64>, crewup_shared::error::Error> {
        let (Ok(crew), Ok(request_id)) = (Uuid::try_parse(&request.group_id), Uuid::try_parse(&request.request_id))
        else {
            return Ok(None);
        };
        let message = Uuid::now_v7();
        let mut lease = self.0.lease().await?;
        let begin = format!("begin; select entered_at from crewup.enter('{sender}', '{{}}')");
        lease.execute(sqlx::AssertSqlSafe(begin)).await?;
        let is_first = sqlx::query(
            "insert into idempotency (caller_id, method, request_id, request_hash, result_id, created_at)
             values ($1, 'bench', $2, $3, $4, crewup.now())
             on conflict do nothing",
        )
        .bind(sender)
        .bind(request_id)
        .bind(Sha256::digest(request.encode_to_vec()).to_vec())
        .bind(message)
        .execute(&mut *lease)
        .await?
        .rows_affected()
            == 1;
        let sequence: Option<i64> = sqlx::query_scalar(
            "with chat as (
                 select from groups g
                 join group_members m on m.group_id = g.id and m.user_id = $3
                 join crewup.api_events_seen_by($3, false) e on e.id = g.event_id
                 where g.id = $2 and not e.is_cancelled and crewup.now() < e.effective_end + interval '48 hours'
             ), full_until as (
                 select from (
                     select m.sent_at from messages m
                     where m.sender_id = $3 and m.group_id = $2
                     order by m.sequence desc
                     limit 20
                 ) latest
                 where sent_at > crewup.now() - interval '10 seconds'
                 having count(*) >= 20
             ), seats as (
                 update group_seats set last_sequence = last_sequence + 1
                 where group_id = $2 and members > 0 and exists (select from chat)
                     and not exists (select from full_until)
                 returning last_sequence
             ), sent as (
                 insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
                 select $1, $2, $3, $4, last_sequence, crewup.now(), crewup.now() from seats
                 returning sequence
             )
             select s.sequence from sent s, pg_notify('crews', $2::text)",
        )
        .bind(message)
        .bind(crew)
        .bind(sender)
        .bind(&request.content)
        .fetch_optional(&mut *lease)
        .await?;
        lease.execute("commit").await?;
        lease.back();
        Ok(sequence.filter(|_| is_first))
    }
}

#[tonic::async_trait]
impl GroupService for SendAndNotify {
    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        let Some(caller) = caller(&request) else { return Err(Status::invalid_argument("who?")) };
        let sender = id(Kind::Person, caller);
        let request = request.into_inner();
        let sent = self.send(sender, &request).await.map_err(crewup_shared::error::Error::into_status)?;
        let Some(sequence) = sent else { return Err(Status::failed_precondition("not sent")) };
        let message = Message {
            group_id: request.group_id,
            content: request.content,
            sequence,
            sender: Some(Person { user_id: sender.to_string(), ..Default::default() }),
            ..Default::default()
        };
        Ok(Response::new(SendMessageResponse { message: Some(message) }))
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
