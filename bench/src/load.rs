//! The load: so many calls in flight, each followed by the next. HTTP/2 by hand, because a whole client would need as
//! much of the processors as the service, and what it needs is not what is measured.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderValue, Request};
use rand::RngExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::LocalSet,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::Failure;

const CONNECTIONS: usize = 4;
/// How many of a hundred calls are traced: what the chart sets.
const TRACED: u32 = 10;

/// A call to make.
pub struct Call {
    pub path: &'static str,
    /// The number of the person who calls.
    pub caller: u64,
    /// The encoded request.
    pub request: Bytes,
}

/// Where calls go, and whether by TLS.
#[derive(Clone)]
pub struct Door {
    pub addr: SocketAddr,
    pub tls: Option<TlsConnector>,
}

impl From<SocketAddr> for Door {
    fn from(addr: SocketAddr) -> Self {
        Self { addr, tls: None }
    }
}

/// What came of a run.
#[derive(Default)]
pub struct Done {
    /// Microseconds of each call that succeeded.
    pub latencies: Vec<u32>,
    /// How many failed, by why.
    pub failed: BTreeMap<String, u64>,
    pub seconds: f64,
}

impl Done {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// Microseconds below which `part` of the calls were.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = (sorted.len() as f64 * part) as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default().into()
    }
}

/// The tokens of the callers, as header values.
pub type Tokens = Rc<Vec<HeaderValue>>;

/// Calls at `door` with `in_flight` at once for `time`, or until `next` has no more.
pub async fn run(
    door: impl Into<Door>,
    tokens: &Tokens,
    in_flight: usize,
    time: Duration,
    next: Rc<dyn Fn() -> Option<Call>>,
) -> Result<Done, Failure> {
    let done = Rc::new(RefCell::new(Done::default()));
    let start = Instant::now();
    let local = LocalSet::new();
    let door = door.into();
    let addr = door.addr;
    for _ in 0..CONNECTIONS.min(in_flight) {
        let (send, connection) = connect(door.clone()).await?;
        local.spawn_local(connection);
        for _ in 0..in_flight / CONNECTIONS.min(in_flight) {
            let (send, done, next, tokens) = (send.clone(), Rc::clone(&done), Rc::clone(&next), Rc::clone(tokens));
            local.spawn_local(async move {
                while start.elapsed() < time {
                    let Some(call) = next() else { break };
                    let begun = Instant::now();
                    let answer = one(&send, addr, &tokens, call).await;
                    let mut done = done.borrow_mut();
                    match answer {
                        Ok(None) => {
                            done.latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                            done.seconds = start.elapsed().as_secs_f64();
                        }
                        Ok(Some(status)) => *done.failed.entry(status).or_default() += 1,
                        Err(error) => {
                            *done.failed.entry(error.to_string()).or_default() += 1;
                            break;
                        }
                    }
                }
            });
        }
    }
    local.await;
    Ok(done.take())
}

/// Calls at `addr`, `per_second` of them for `time`, whether or not those before were answered.
pub async fn arrive(
    addr: SocketAddr,
    tokens: &Tokens,
    per_second: f64,
    time: Duration,
    next: Rc<dyn Fn() -> Option<Call>>,
) -> Result<Done, Failure> {
    const TICK: Duration = Duration::from_millis(1);
    let done = Rc::new(RefCell::new(Done::default()));
    let local = LocalSet::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let (send, connection) = connect(addr).await?;
        local.spawn_local(connection);
        connections.push(send);
    }
    let arriving = async {
        let start = Instant::now();
        let mut made = 0_u64;
        while start.elapsed() < time {
            let due = (start.elapsed().as_secs_f64() * per_second) as u64;
            while made < due {
                let Some(call) = next() else { return };
                let send = connections[made as usize % CONNECTIONS].clone();
                made += 1;
                let (done, tokens) = (Rc::clone(&done), Rc::clone(tokens));
                tokio::task::spawn_local(async move {
                    let begun = Instant::now();
                    let answer = one(&send, addr, &tokens, call).await;
                    let mut done = done.borrow_mut();
                    match answer {
                        Ok(None) => done.latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX)),
                        Ok(Some(status)) => *done.failed.entry(status).or_default() += 1,
                        Err(error) => *done.failed.entry(error.to_string()).or_default() += 1,
                    }
                });
            }
            tokio::time::sleep(TICK).await;
        }
        // The last answers.
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    local.run_until(arriving).await;
    Ok(done.take())
}

/// A connection, and what must be run for it to work.
pub async fn connect(door: impl Into<Door>) -> Result<Connected, Failure> {
    let Door { addr, tls } = door.into();
    let tcp = TcpStream::connect(addr).await?;
    tcp.set_nodelay(true)?;
    match tls {
        None => speak(tcp).await,
        Some(tls) => speak(tls.connect(ServerName::from(addr.ip()), tcp).await?).await,
    }
}

type Connected = (SendRequest<Bytes>, Pin<Box<dyn Future<Output = ()>>>);

async fn speak(io: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Connected, Failure> {
    let (send, connection) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake::<_, Bytes>(io)
        .await?;
    let connection = async move {
        let _ = connection.await;
    };
    Ok((send, Box::pin(connection)))
}

/// One call; why it was refused, if it was.
pub async fn one(
    send: &SendRequest<Bytes>,
    addr: SocketAddr,
    tokens: &Tokens,
    call: Call,
) -> Result<Option<String>, Failure> {
    let mut send = send.clone().ready().await?;
    let mut dice = rand::rng();
    let sampled = u8::from(dice.random_range(0..100) < TRACED);
    let request = Request::post(format!("http://{addr}{}", call.path))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", &tokens[usize::try_from(call.caller - 1)?])
        .header("x-bench-caller", call.caller)
        .header("traceparent", format!("00-{:032x}-{:016x}-0{sampled}", dice.random::<u128>(), dice.random::<u64>()))
        .body(())?;
    let (answer, mut stream) = send.send_request(request, false)?;
    let mut frame = BytesMut::with_capacity(5 + call.request.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(call.request.len())?);
    frame.put(call.request);
    stream.send_data(frame.freeze(), true)?;
    let answer = answer.await?;
    let early = answer.headers().get("grpc-status").cloned();
    let details = answer.headers().get("grpc-message").cloned();
    let mut body = answer.into_body();
    while let Some(chunk) = body.data().await {
        body.flow_control().release_capacity(chunk?.len())?;
    }
    let trailers = body.trailers().await?;
    let trailer = |name| trailers.as_ref().and_then(|trailers| trailers.get(name)).cloned();
    let status = early.or_else(|| trailer("grpc-status"));
    Ok(match status {
        Some(status) if status == "0" => None,
        status => {
            let text = |value: Option<HeaderValue>| {
                value.and_then(|value| value.to_str().map(str::to_owned).ok()).unwrap_or_default()
            };
            Some(format!("{} {}", text(status), text(details.or_else(|| trailer("grpc-message")))))
        }
    })
}
