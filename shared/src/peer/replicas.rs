//! The replicas of a service: those that DNS names, called in turn. One that was lost is called last for a moment. (Least
//! loaded first would be wrong: nobody is less loaded than one that is gone, and every call would be sent there again.)

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use crate::{
    clock,
    error::{Error, Result},
    tls::Tls,
};

const CONNECT: Duration = Duration::from_secs(1);
/// How often DNS is asked who serves.
const RESOLVE: Duration = Duration::from_secs(5);
/// How long a replica that was lost is called last, in seconds.
const AVOID: u64 = 2;

/// Finds the addresses of a host and a port: [`dns`], but in tests of many replicas on one machine.
pub type Lookup = fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Asks DNS as the system does.
pub fn dns(host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
}

/// One replica.
pub(super) struct Replica {
    addr: SocketAddr,
    pub(super) channel: Channel,
    lost_at: AtomicU64,
}

impl Replica {
    /// Connects when it is first called, and again when it was lost.
    fn at(addr: SocketAddr, name: &str, tls: Option<&Arc<Tls>>) -> Result<Arc<Self>> {
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).map_err(Error::internal)?;
        let endpoint = endpoint.connect_timeout(CONNECT).tcp_nodelay(true);
        let channel = match tls {
            Some(tls) => tls.channel(addr, name, endpoint),
            None => endpoint.connect_lazy(),
        };
        Ok(Arc::new(Self { addr, channel, lost_at: AtomicU64::new(0) }))
    }

    /// Notes that a call did not reach it, or did not come back.
    pub(super) fn lost(&self) {
        self.lost_at.store(clock::unix_seconds(), Ordering::Relaxed);
    }
}

/// The replicas of one service.
pub(super) struct Replicas {
    known: watch::Receiver<Vec<Arc<Replica>>>,
    turn: AtomicUsize,
}

impl Replicas {
    /// Those of the service `name` at `url`, and who keeps them.
    pub(super) fn of(name: &'static str, url: Url, lookup: Lookup, tls: Option<Arc<Tls>>) -> (Self, Resolver) {
        let (found, known) = watch::channel(Vec::new());
        (Self { known, turn: AtomicUsize::new(0) }, Resolver { name, url, lookup, tls, found })
    }

    /// All of them, in the order in which a call tries them. Waits until there are any.
    pub(super) async fn in_turn(&self) -> Vec<Arc<Replica>> {
        let mut known = self.known.clone();
        let mut all = match known.wait_for(|known| !known.is_empty()).await {
            Ok(known) => known.clone(),
            // The process is about to end.
            Err(_) => return Vec::new(),
        };
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % all.len();
        all.rotate_left(first);
        let now = clock::unix_seconds();
        all.sort_by_key(|replica| now < replica.lost_at.load(Ordering::Relaxed) + AVOID);
        all
    }
}

/// Keeps a service's replicas to those that DNS names.
pub struct Resolver {
    name: &'static str,
    url: Url,
    lookup: Lookup,
    tls: Option<Arc<Tls>>,
    found: watch::Sender<Vec<Arc<Replica>>>,
}

impl Resolver {
    /// Looks every few seconds until `stop` says so. While DNS does not answer, the replicas known before stay.
    pub async fn work(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, host = self.url.host_str(), "the replicas of a peer cannot be found");
            }
            let pause = if self.found.borrow().is_empty() { Duration::from_millis(200) } else { RESOLVE };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn look(&self) -> Result<()> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.url.port_or_known_default().unwrap_or(80);
        let named: BTreeSet<_> = (self.lookup)(host, port).await.map_err(Error::internal)?.into_iter().collect();
        if named.is_empty() {
            return Ok(());
        }
        let before = self.found.borrow().clone();
        let kept = |addr| before.iter().find(|replica| replica.addr == addr).cloned();
        let now = named
            .into_iter()
            .map(|addr| kept(addr).map_or_else(|| Replica::at(addr, self.name, self.tls.as_ref()), Ok));
        self.found.send_replace(now.collect::<Result<_>>()?);
        Ok(())
    }
}
