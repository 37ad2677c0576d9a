//! Connecting to another workload.

use std::{io, net::SocketAddr, sync::Arc};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};
use tonic::transport::{Channel, Endpoint};

use super::Tls;

impl Tls {
    /// The workload `name` at `addr`; connects when it is first called, and again when it was lost, each time with the
    /// certificate of that moment.
    pub fn channel(self: &Arc<Self>, addr: SocketAddr, name: &str, endpoint: Endpoint) -> Channel {
        let (tls, name) = (Arc::clone(self), Arc::<str>::from(name));
        endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            let (tls, name) = (Arc::clone(&tls), Arc::clone(&name));
            async move { connect(&tls, addr, &name).await.map(TokioIo::new) }
        }))
    }
}

async fn connect(tls: &Tls, addr: SocketAddr, name: &str) -> io::Result<TlsStream<TcpStream>> {
    let config = tls.client(name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::IpAddress(addr.ip().into()), stream).await
}
