//! The integration tests: one binary, so that the harness is linked once and one private cluster serves them all.
#![allow(clippy::large_futures, reason = "each is run once")]
#![allow(clippy::disallowed_methods)] // a client and a harness have clocks, threads and transactions of their own
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking; what failed is in the message

mod abuse;
mod adopt;
mod crash;
mod database;
mod enter;
mod event;
mod figures;
mod fuzz;
mod generated;
mod group;
mod harness;
mod identity;
mod invariants;
mod issuer_tls;
mod limits;
mod live;
mod matrix;
mod migrate;
mod moderation;
mod mutual_tls;
mod pages;
mod peers;
mod people;
mod process;
mod quota;
mod realm;
mod reapply;
mod reputation;
mod restricted;
mod roles;
mod safety;
mod schedule;
mod schema_now;
mod schema_reference;
mod search_functions;
mod seed;
mod serving;
mod telemetry;
mod trips;
mod user;
