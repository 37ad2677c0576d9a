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
mod invitations;
mod joins;
mod lists;
mod members;
mod messages;
mod model;
mod react;
mod rpc;
mod store;

use crewup_proto::crewup::group::{
    internal::v1::group_internal_service_server::GroupInternalServiceServer,
    v1::group_service_server::GroupServiceServer,
};
use crewup_shared::{
    app::App,
    server::{LARGEST_REQUEST, Service},
};
use tonic::service::Routes;

/// What makes this service the group service.
pub static SERVICE: Service = Service {
    name: "group",
    port: 50052,
    plain_port: 9052,
    schema: 15,
    one_plan: false,
    routes,
    accounts: None,
    peers: &["user"],
    react: Some(react::react),
    jobs: &[],
};

fn routes(app: &App) -> Routes {
    let crews = GroupServiceServer::new(rpc::Rpc(app.clone())).max_decoding_message_size(LARGEST_REQUEST);
    let internal = rpc::InternalRpc(app.clone());
    let internal = GroupInternalServiceServer::new(internal).max_decoding_message_size(LARGEST_REQUEST);
    Routes::new(crews).add_service(internal)
}
