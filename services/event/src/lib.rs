//! The event service: events, RSVPs, the waitlist and the ways into private events.
//!
//! It owns the tables `events`, `event_seats`, `event_attendees`, `event_waitlist`, `event_access`,
//! `event_removals` and `event_invitations` and alone writes them. It promises that an event is never oversold (E8), that nobody overtakes
//! a waiter (E11), and that a private event is to an outsider as if it were not (E20). It never writes a person or a
//! crew: it tells of what happened, and they react.

mod access;
mod attendance;
mod describe;
mod events;
mod figures;
mod invitations;
mod lists;
mod model;
mod react;
mod rpc;
mod search;
mod store;
mod watch;

use crewup_proto::crewup::event::{
    internal::v1::event_internal_service_server::EventInternalServiceServer,
    v1::event_service_server::EventServiceServer,
};
use crewup_shared::{
    app::App,
    server::{LARGEST_REQUEST, Service, Workers},
};
use tonic::service::Routes;

/// What makes this service the event service.
pub static SERVICE: Service = Service {
    name: "event",
    port: 50051,
    plain_port: 9051,
    schema: 23,
    one_plan: true,
    routes,
    accounts: None,
    peers: &["user"],
    react: Some(react::react),
    jobs: &[],
};

fn routes(app: &App, workers: &mut Workers) -> Routes {
    workers.exchange_wake_ups(app, SERVICE.name, None);
    let events = EventServiceServer::new(rpc::Rpc::new(app)).max_decoding_message_size(LARGEST_REQUEST);
    let internal = EventInternalServiceServer::new(rpc::Rpc::new(app)).max_decoding_message_size(LARGEST_REQUEST);
    Routes::new(events).add_service(internal)
}
