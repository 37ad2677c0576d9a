//! The contracts of CrewUp as Rust: messages, clients and servers of the five services, and what the contracts
//! say about each call ([`call`]) and each error ([`error`]).
//!
//! Everything here is generated from `proto/**/*.proto`; the comments there are the documentation.

pub mod codec;

/// One module for each package. `internal` calls are made by services only.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod crewup {
    pub mod common {
        pub mod v1 {
            tonic::include_proto!("crewup.common.v1");
        }
    }
    pub mod group {
        pub mod v1 {
            tonic::include_proto!("crewup.group.v1");
        }
        pub mod internal {
            pub mod v1 {
                tonic::include_proto!("crewup.group.internal.v1");
            }
        }
    }
    pub mod safety {
        pub mod v1 {
            tonic::include_proto!("crewup.safety.v1");
        }
        pub mod internal {
            pub mod v1 {
                tonic::include_proto!("crewup.safety.internal.v1");
            }
        }
    }
    pub mod moderation {
        pub mod v1 {
            tonic::include_proto!("crewup.moderation.v1");
        }
    }
    pub mod event {
        pub mod v1 {
            tonic::include_proto!("crewup.event.v1");
        }
        pub mod internal {
            pub mod v1 {
                tonic::include_proto!("crewup.event.internal.v1");
            }
        }
    }
    pub mod user {
        pub mod v1 {
            tonic::include_proto!("crewup.user.v1");
        }
        pub mod internal {
            pub mod v1 {
                tonic::include_proto!("crewup.user.internal.v1");
            }
        }
    }
}

/// Google's common types that the contracts use.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod google {
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}

pub use crewup::{
    common::v1 as common, event::v1 as event, group::v1 as group, moderation::v1 as moderation, safety::v1 as safety,
    user::v1 as user,
};

/// The encoded `FileDescriptorSet` of all contracts with their imports, options and comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What the contracts say about each call.
pub mod call {
    pub use crate::crewup::common::v1::{Access, Quota, Standing};

    /// Whether a call may be sent again when its answer was lost (`idempotency_level`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Retry {
        /// Changes nothing: safe.
        ReadOnly,
        /// Twice is as once: safe.
        Idempotent,
        /// Not safe.
        Unsafe,
    }

    /// One call of one service.
    #[derive(Debug)]
    pub struct Call {
        /// As on the wire: `/package.Service/Method`.
        pub path: &'static str,
        /// The kinds of caller that may succeed.
        pub access: &'static [Access],
        /// The standings, beyond active, in which the call stays allowed (M3, U6).
        pub also_while: &'static [Standing],
        /// Whether it is served though the service has more work than it can do (S13).
        pub urgent: bool,
        /// Whether it answers with many things at once, a page or a batch, which may be large.
        pub bulk: bool,
        /// The services that may make it, where services may (X3).
        pub callers: &'static [&'static str],
        /// What it counts against.
        pub quota: Quota,
        /// Whether it may be sent again.
        pub retry: Retry,
        /// Whether the answer is a stream.
        pub server_stream: bool,
    }

    include!(concat!(env!("OUT_DIR"), "/calls.rs"));

    /// The call with this path. None: there is no such call, and nobody may make it.
    pub fn find(path: &str) -> Option<&'static Call> {
        let at = CALLS.binary_search_by(|call| call.path.cmp(path)).ok()?;
        CALLS.get(at)
    }
}

/// What the contracts say about each error.
pub mod error {
    pub use crate::crewup::common::v1::ErrorReason;

    mod table {
        use super::ErrorReason;
        include!(concat!(env!("OUT_DIR"), "/reasons.rs"));
    }

    impl ErrorReason {
        /// The status code that always comes with the reason.
        pub fn code(self) -> tonic::Code {
            tonic::Code::from_i32(table::code_of(self))
        }

        /// The reason on the wire: without the enum's prefix.
        pub fn name(self) -> &'static str {
            self.as_str_name().trim_start_matches("ERROR_REASON_")
        }

        /// The contract's text: what happened and what to do.
        pub const fn text(self) -> &'static str {
            table::text_of(self)
        }
    }
}

/// The requests for a page of a list (AIP-158): every message with `page_size` and `page_token`.
pub mod page {
    /// A request for a page of a list.
    pub trait Paged: prost::Message + prost::Name + Clone {
        /// The fields `page_size` and `page_token`, to read and to blank.
        fn page(&mut self) -> (&mut i32, &mut String);
    }

    include!(concat!(env!("OUT_DIR"), "/paged.rs"));
}
