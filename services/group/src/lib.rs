//! The group service: crews, their members and their chat.
//!
//! It owns the tables `groups`, `group_seats`, `group_members`, `group_members_past`, `group_bans`, `group_requests`,
//! `group_invitations`, `group_invitation_uses`, `messages`, `timeline` and `read_marks` and alone writes them. It promises
//! that a crew is never overfull (G2), that one with members has an admin (G6), and that its timeline has no gap (C2). It
//! never writes an event or a person: it reads what they publish, holds an event still while somebody joins, and reacts
//! when an RSVP is withdrawn or a profile goes (G9, M5).

mod access;
mod crews;
mod departures;
mod describe;
mod figures;
mod forget;
mod invitations;
mod joins;
mod lists;
mod members;
mod messages;
mod model;
mod react;
mod rooms;
mod rpc;
mod store;
mod stream;

use crewup_proto::crewup::group::{
    internal::v1::group_internal_service_server::GroupInternalServiceServer,
    v1::group_service_server::GroupServiceServer,
};
use crewup_shared::{
    app::App,
    server::{LARGEST_REQUEST, Service, Workers},
};
use tonic::service::Routes;

use crate::rooms::Rooms;

/// What makes this service the group service.
pub static SERVICE: Service = Service {
    name: "group",
    port: 50052,
    plain_port: 9052,
    schema: 24,
    one_plan: false,
    routes,
    accounts: None,
    peers: &["user"],
    react: Some(react::react),
    jobs: &[forget::JOB],
};

fn routes(app: &App, workers: &mut Workers) -> Routes {
    let rooms = Rooms::new();
    let (reader, db, live) = (rooms.clone(), app.db().clone(), app.live().clone());
    workers.exchange_wake_ups(app, SERVICE.name, None);
    workers.add(|stop| reader.work(db, live, stop));
    let crews = GroupServiceServer::new(rpc::Rpc::new(app, rooms)).max_decoding_message_size(LARGEST_REQUEST);
    let internal = rpc::InternalRpc(app.clone());
    let internal = GroupInternalServiceServer::new(internal).max_decoding_message_size(LARGEST_REQUEST);
    Routes::new(crews).add_service(internal)
}
