//! Taking connections: with TLS, or without it in development.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::{Connected, TcpIncoming};

use super::{Tls, spiffe};

/// The longest that a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes at once; who does not go on with one keeps nobody else out for long.
const HANDSHAKES: usize = 1024;

/// A connection that was taken.
pub enum Wire {
    /// Anybody's.
    Plain(TcpStream),
    /// A workload's.
    Tls(Box<TlsStream<TcpStream>>, Caller),
}

/// The workload that made the connection of a call, among the call's extensions. None: there is no mutual TLS.
#[derive(Clone, Debug)]
pub struct Caller(pub Option<Arc<str>>);

/// The connections that come in by `incoming`, each past its handshake. Those of which that fails are left out: it is for the
/// client to say so.
pub(crate) fn connections(incoming: TcpIncoming, tls: Option<Arc<Tls>>) -> impl Stream<Item = io::Result<Wire>> {
    incoming
        .map(move |connection| {
            let tls = tls.clone();
            async move {
                match (connection, tls) {
                    (Ok(connection), Some(tls)) => shake_hands(connection, &tls).await.map(Ok),
                    (connection, _) => Some(connection.map(Wire::Plain)),
                }
            }
        })
        .buffer_unordered(HANDSHAKES)
        .filter_map(std::future::ready)
}

async fn shake_hands(connection: TcpStream, tls: &Tls) -> Option<Wire> {
    let from = connection.peer_addr().ok();
    let taken = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(tls.server()).accept(connection)).await;
    let taken = taken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match taken {
        Ok(stream) => {
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let name = certificate.and_then(spiffe::name)?;
            Some(Wire::Tls(Box::new(stream), Caller(Some(name.into()))))
        }
        Err(error) => {
            tracing::info!(%error, from = from.map(tracing::field::display), "a connection was refused");
            None
        }
    }
}

impl Connected for Wire {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        match self {
            Self::Plain(_) => Caller(None),
            Self::Tls(_, caller) => caller.clone(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream, _) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, from),
            Self::Tls(stream, _) => Pin::new(stream).poll_write(cx, from),
        }
    }

    /// No: so h2 copies data of up to 1 KiB between the frames around it, and not only of up to 256 bytes. An answer of that
    /// size is one packet with its trailers, and those of many streams share one; a longer one takes a packet more.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
