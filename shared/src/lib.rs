//! Everything of a CrewUp service that is not a domain rule.
//!
//! A service crate declares itself with [`server::Service`] and hands its handlers to [`app::App`]; from there on this
//! crate does what is the same for all: tokens, access, transactions, errors, pages, outbox, telemetry, shutdown.
//! It knows no event, crew or rating, and never will.

pub mod accounts;
pub mod admin;
pub mod app;
pub mod auth;
pub(crate) mod bulkhead;
pub mod clock;
pub mod config;
pub mod convert;
pub mod db;
mod deadline;
pub mod error;
pub mod fields;
pub mod figures;
pub mod gauges;
pub mod housekeeping;
pub mod id;
pub mod idempotency;
pub mod issuer;
pub mod layer;
pub mod link;
pub mod live;
pub mod lock;
pub mod mask;
pub mod migrate;
pub mod outbox;
pub mod page;
pub mod peer;
pub(crate) mod quota;
pub(crate) mod ready;
pub mod schedule;
pub mod server;
pub mod snapshot;
pub mod standing;
pub mod standing_log;
pub mod telemetry;
pub mod tls;
pub mod together;

pub use error::{Error, Result};
