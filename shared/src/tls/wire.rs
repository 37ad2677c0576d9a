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
use tokio_util::either::Either;
use tonic::transport::server::{Connected, TcpIncoming};

use super::{Tls, spiffe};

/// The longest that a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes at once; who does not go on with one keeps nobody else out for long.
const HANDSHAKES: usize = 1024;

/// A connection that was taken.
pub struct Wire {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    caller: Caller,
    /// Whether what is to be written now has waited for company.
    has_waited: bool,
}

impl Wire {
    fn plain(stream: TcpStream) -> Self {
        Self { stream: Either::Left(stream), caller: Caller(None), has_waited: false }
    }

    fn secured(stream: TlsStream<TcpStream>, caller: Caller) -> Self {
        Self { stream: Either::Right(Box::new(stream)), caller, has_waited: false }
    }
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
                    (connection, _) => Some(connection.map(Wire::plain)),
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
            Some(Wire::secured(stream, Caller(Some(name.into()))))
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
        self.caller.clone()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    /// After whoever else is ready to run had a turn: a query that calls share, or a message to many streams, has answers for
    /// all of them, which each would else leave in a packet of its own.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if !wire.has_waited {
            wire.has_waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut wire.stream).poll_write(cx, from)
    }

    /// No: so h2 copies data of up to 1 KiB between the frames around it, and not only of up to 256 bytes. An answer of that
    /// size is one packet with its trailers, and those of many streams share one; a longer one takes a packet more.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.has_waited = false;
        Pin::new(&mut wire.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
