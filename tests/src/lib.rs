//! The harness: a private PostgreSQL cluster with a database for each test ([`cluster`]), the whole mesh of services in
//! this process ([`mesh`]), and people who call it ([`persona`]).
#![allow(clippy::disallowed_methods)] // a client and a harness have clocks, threads and transactions of their own
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot set up its stage should fail loudly

pub mod cluster;
pub mod mesh;
pub mod persona;
pub mod pki;
pub mod ports;
pub mod raw;
pub mod refusal;
pub mod wire;

pub use mesh::Mesh;
pub use persona::Persona;
pub use refusal::{Refusal, refused};
