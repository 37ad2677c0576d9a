//! The integration tests: one binary, so that the harness is linked once and one private cluster serves them all.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking; what failed is in the message

mod enter;
mod event;
mod harness;
mod identity;
mod invariants;
mod migrate;
mod people;
mod reputation;
mod roles;
mod schema_now;
mod schema_reference;
mod search_functions;
mod serving;
mod user;
