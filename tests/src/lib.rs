//! The harness.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot set up its stage should fail loudly

pub mod cluster;
