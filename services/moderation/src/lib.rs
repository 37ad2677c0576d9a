//! The moderation service: bans, appeals, reports and the log of what moderators did.
//!
//! It owns the tables `bans`, `appeals`, `reports` and `moderation_log` and alone writes them. It promises that from the
//! answer of BanUser on nobody serves the person (M3), that of several moderators one has a thing in hand (M7), that nothing
//! happens without its entry in the log (M10), and that nobody learns who reported (M6). It never writes a person, an event
//! or a crew: it tells that a standing changed, and they react.

mod access;
mod appeals;
mod bans;
mod describe;
mod figures;
mod log;
mod model;
mod react;
mod reports;
mod rpc;
mod store;

use crewup_proto::moderation::moderation_service_server::ModerationServiceServer;
use crewup_shared::{
    app::App,
    server::{LARGEST_REQUEST, Service, Workers},
};
use tonic::service::Routes;

/// What makes this service the moderation service.
pub static SERVICE: Service = Service {
    name: "moderation",
    port: 50055,
    plain_port: 9055,
    schema: 15,
    one_plan: false,
    routes,
    accounts: None,
    peers: &["event", "group", "safety", "user"],
    react: Some(react::react),
    jobs: &[],
};

fn routes(app: &App, _: &mut Workers) -> Routes {
    let moderation = ModerationServiceServer::new(rpc::Rpc(app.clone())).max_decoding_message_size(LARGEST_REQUEST);
    Routes::new(moderation)
}
