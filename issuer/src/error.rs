//! What keeps an issuer from starting.

use std::{io, net::SocketAddr, path::PathBuf};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an issuer does not start, or does not start again. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The mode is not `development`: this issuer knows everybody's password.
    #[error(
        "the development issuer starts only with CREWUP_MODE=development, not {mode:?}: anyone can sign in as anyone"
    )]
    NotDevelopment {
        /// The mode that was asked for.
        mode: String,
    },
    /// The address could be reached from elsewhere.
    #[error("the development issuer listens on loopback only, not on {addr}")]
    NotLoopback {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// A value that makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// Somebody else listens there.
    #[error("port {} is taken: stop what listens there or set CREWUP_ISSUER_PORT to a free one", addr.port())]
    PortTaken {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// Any other reason not to listen.
    #[error("cannot serve on {addr}: {source}")]
    Serve {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The key file cannot be read or written.
    #[error("the key file CREWUP_ISSUER_KEY_FILE={} is of no use: {source}", path.display())]
    KeyFile {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The cryptographic library made no key.
    #[error("no signing key could be made")]
    KeyGeneration,
}

impl Error {
    /// The exit code of sysexits.h: 64 wrong use, 69 a service is not available, 70 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotDevelopment { .. } | Self::NotLoopback { .. } | Self::Invalid(_) | Self::KeyFile { .. } => 64,
            Self::PortTaken { .. } => 69,
            Self::Serve { .. } | Self::KeyGeneration => 70,
        }
    }
}
