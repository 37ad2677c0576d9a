//! The safety service: calls for help to one's crews.
//!
//! It owns the tables `safety_alerts`, `alert_batches`, `alert_recipients` and `alert_places` and alone writes them. It
//! promises that an alert is stored for all its crews before it is answered (S2), that raising one needs no other service,
//! that each level of escalation comes once (S7), and that who was left out sees nothing of it, whatever the role (S12). It
//! never writes a crew or an event, and decides at each look whom an alert reaches: a removed member loses it at once (S14).

mod access;
mod alerts;
mod describe;
mod escalate;
mod figures;
mod lists;
mod model;
mod react;
mod rpc;
mod store;
mod sweep;
mod trigger;
mod watch;

use crewup_proto::crewup::safety::{
    internal::v1::safety_internal_service_server::SafetyInternalServiceServer,
    v1::safety_service_server::SafetyServiceServer,
};
use crewup_shared::{
    app::App,
    server::{LARGEST_REQUEST, Service, Workers},
};
use tonic::service::Routes;

use crate::watch::Deliveries;

/// What makes this service the safety service.
pub static SERVICE: Service = Service {
    name: "safety",
    port: 50054,
    plain_port: 9054,
    schema: 17,
    one_plan: false,
    routes,
    accounts: None,
    peers: &["user"],
    react: Some(react::react),
    jobs: &[escalate::JOB, sweep::EXPIRE, sweep::WIPE],
};

fn routes(app: &App, workers: &mut Workers) -> Routes {
    let deliveries = Deliveries::default();
    let (keeper, of) = (deliveries.clone(), app.clone());
    workers.exchange_wake_ups(app, SERVICE.name, Some(watch::audience));
    workers.add(|stop| keeper.work(of, stop));
    let alerts =
        SafetyServiceServer::new(rpc::Rpc { app: app.clone(), deliveries }).max_decoding_message_size(LARGEST_REQUEST);
    let internal =
        SafetyInternalServiceServer::new(rpc::InternalRpc(app.clone())).max_decoding_message_size(LARGEST_REQUEST);
    Routes::new(alerts).add_service(internal)
}
