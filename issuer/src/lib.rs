//! A minimal OpenID Connect issuer for development and tests.
//!
//! **Owns** the demo persons, their passwords and the keys that sign their tokens. **Promises** that a resource
//! server cannot tell it from Keycloak 26: the same paths, the same claims, the same key set (with an encryption
//! key that must not verify anything), the same errors. **Never** runs outside development, never listens on
//! anything but loopback, and has no sign-in page: tokens come from the password and client-credentials grants.
//!
//! ```no_run
//! # async fn example() -> crewup_issuer::Result<()> {
//! use crewup_issuer::{Config, Issuer, Person};
//!
//! let issuer = Issuer::start(Config::development()).await?;
//! let host = issuer.token(&Person::named("host"));
//! let mod_ = issuer.token(&Person::named("mod")); // realm role `moderator`
//! let nameless = issuer.token(&Person::named("person-17").without_name());
//! let event = issuer.service_token("event");
//!
//! // Anything else: take honest claims, change what the test is about, sign.
//! let mut claims = issuer.claims(&Person::named("host"));
//! claims["aud"] = "another-api".into();
//! let token = issuer.mint(&claims, &serde_json::json!({}));
//! # Ok(()) }
//! ```
//!
//! Dropping the [`Issuer`] stops it. It serves from a thread of its own, so one issuer can outlive the runtime of
//! the test that started it.
//!
//! Of Keycloak's Admin API there is what the user service needs, for the accounts that a test puts there
//! ([`Issuer::accounts`]).
//!
//! Left out of Keycloak on purpose: the browser flow (`/auth`), userinfo, introspection, logout, `x5c`
//! certificates. The discovery document names only what is there.

mod accounts;
mod claims;
mod clock;
mod config;
pub mod defects;
mod error;
mod http;
mod issuer;
mod jws;
mod keyfile;
mod keys;
mod person;
mod realm;
mod server;
mod session;

pub use accounts::{Account, Accounts};
pub use config::Config;
pub use error::{Error, Result};
pub use issuer::Issuer;
pub use person::{Person, subject};
