//! A thread that serves, and the port that stays ours when it does not.

use std::{
    io,
    net::SocketAddr,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use axum::Router;
use tokio::{net::TcpSocket, runtime, sync::oneshot};

/// A serving thread. Dropping it ends it and every connection that it has.
///
/// A thread with its own runtime for two reasons: the issuer outlives the runtime of the test that started it, and
/// ending it cuts open connections as a crash would. Handlers ended politely would let pooled connections of a
/// resource server go on for a while, and "the identity provider is down" would not be.
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a socket that is bound but does not listen yet.
    #[allow(
        clippy::disallowed_methods,
        reason = "the issuer is no service: nobody supervises its thread but this value"
    )]
    pub(crate) fn start(socket: TcpSocket, app: Router) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("crewup-issuer".into()).spawn(move || {
            runtime.block_on(async {
                match socket.listen(1024) {
                    Ok(listener) => {
                        let _ = tell.send(Ok(()));
                        tokio::select! {
                            _ = axum::serve(listener, app) => {}
                            // Also when the sender is gone.
                            _ = stopped => {}
                        }
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                    }
                }
            });
            // Not a drop: that would wait for a key being made.
            runtime.shutdown_background();
        })?;
        let server = Self { stop: Some(stop), thread: Some(thread) };
        told.recv().map_err(io::Error::other)??;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was told by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// Takes an address without listening on it: connections are refused, and nobody else gets the port by chance.
pub(crate) fn reserve(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the last run may still be in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// Whether the issuer serves, and what it needs to do so again.
pub(crate) enum State {
    /// Requests are answered.
    Up(#[allow(dead_code, reason = "held to be dropped")] Server),
    /// Connections are refused.
    Down(TcpSocket),
    /// A start or a stop failed half-way.
    Lost,
}

impl State {
    /// Stops serving; keeps the port.
    pub(crate) fn stop(&mut self, addr: SocketAddr) -> io::Result<()> {
        if let Self::Down(_) = self {
            return Ok(());
        }
        // The server ends here, for the port can only be taken once nobody listens on it.
        *self = Self::Lost;
        *self = Self::Down(reserve(addr)?);
        Ok(())
    }

    /// Serves again.
    pub(crate) fn start(&mut self, addr: SocketAddr, app: Router) -> io::Result<()> {
        let socket = match std::mem::replace(self, Self::Lost) {
            Self::Up(server) => {
                *self = Self::Up(server);
                return Ok(());
            }
            Self::Down(socket) => socket,
            Self::Lost => reserve(addr)?,
        };
        *self = Self::Up(Server::start(socket, app)?);
        Ok(())
    }
}
