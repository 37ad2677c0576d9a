//! The user service: profiles, blocks, ratings and reputation.
//!
//! It owns the tables `users`, `user_blocks`, `user_roles`, `ratings`, `account_orders` and `account_sync` and alone writes them; what it says of a
//! person to other services is in `api_users`. It promises that an account has one profile however many calls come
//! first (U1), that no profile is taken over by an e-mail (U2), and that a hidden person is as one who does not exist
//! (U5). It never writes an event, a crew or a ban: when a person's standing changes it tells so, and they react.

mod access;
mod accounts;
mod blocks;
mod describe;
mod erase;
mod export;
mod me;
mod model;
mod orders;
mod people;
mod ratings;
mod react;
mod rpc;
mod store;
mod sync;

use std::sync::Arc;

use crewup_proto::crewup::user::{
    internal::v1::user_internal_service_server::UserInternalServiceServer, v1::user_service_server::UserServiceServer,
};
use crewup_shared::{
    app::{Accounts, App},
    db::Db,
    server::{LARGEST_REQUEST, Service, Workers},
};
use tonic::service::Routes;

use crate::{accounts::LocalAccounts, sync::UserSync};

/// What makes this service the user service.
pub static SERVICE: Service = Service {
    name: "user",
    port: 50053,
    plain_port: 9053,
    schema: 20,
    one_plan: false,
    routes,
    accounts: Some(accounts),
    peers: &[],
    react: Some(react::react),
    jobs: &[orders::BAN_ENDS],
};

fn accounts(db: &Db) -> Arc<dyn Accounts> {
    Arc::new(LocalAccounts(db.clone()))
}

fn routes(app: &App, workers: &mut Workers) -> Routes {
    let sync = workers.admin().map(|(api, settings)| UserSync::new(app, api, &settings));
    if let Some(sync) = sync.clone() {
        let (timed, orders) = (sync.clone(), sync);
        workers.add_relay(|stop| sync::timed::work(timed, stop));
        workers.add_relay(|stop| orders::work(orders.db, orders.api, stop));
    }
    let people = UserServiceServer::new(rpc::Rpc(app.clone(), sync)).max_decoding_message_size(LARGEST_REQUEST);
    let internal = rpc::InternalRpc { app: app.clone(), accounts: LocalAccounts(app.db().clone()) };
    let internal = UserInternalServiceServer::new(internal).max_decoding_message_size(LARGEST_REQUEST);
    Routes::new(people).add_service(internal)
}
