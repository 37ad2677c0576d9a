//! One connection of an attacker.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    attacks::{Attack, Victim, polite},
    frames::{DATA, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM},
};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever has taken nothing for so long takes nothing.
const STUCK: Duration = Duration::from_secs(2);

/// What came of a connection.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "some is only printed, when a test fails")]
pub(super) struct End {
    /// Frames that were sent.
    pub(super) frames: u64,
    /// Whether the server took no more, and left the connection open.
    pub(super) stuck: bool,
    /// Whether the server closed the connection.
    pub(super) closed: bool,
    /// By which code the server said that it goes.
    pub(super) goaway: Option<u32>,
    /// Streams that it reset, by the code.
    pub(super) resets: BTreeMap<u32, usize>,
    /// Streams that it answered to the end.
    pub(super) answered: usize,
    /// How long the connection was.
    pub(super) lasted: Duration,
}

impl End {
    /// How many streams it reset.
    pub(super) fn reset(&self) -> usize {
        self.resets.values().sum()
    }

    /// Looks at what came; answers what has to be answered.
    fn look(&mut self, bytes: &mut Vec<u8>) -> Vec<u8> {
        let mut answer = Vec::new();
        while let Some(frame) = Frame::take(bytes) {
            let last = matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
            self.answered += usize::from(last);
            match (frame.kind, frame.code()) {
                (GOAWAY, Some(code)) => self.goaway = Some(code),
                (RST_STREAM, Some(code)) => *self.resets.entry(code).or_default() += 1,
                _ => polite(frame.kind, frame.flags, &frame.payload, &mut answer),
            }
        }
        answer
    }
}

/// Attacks `addr` by one connection, until it is closed, or takes no more, or `most` frames were sent; then waits `latest` for the
/// server to close it. (Envoy does so a second after it has had enough, so that its last words can arrive.)
pub(super) async fn attempt(attack: &Attack, victim: &Victim, addr: SocketAddr, most: u64, latest: Duration) -> End {
    let (mut from, mut to) = TcpStream::connect(addr).await.unwrap().into_split();
    let (came, mut sent, begun) = (RefCell::new(End::default()), 0, Instant::now());
    let reading = async {
        let mut bytes = Vec::new();
        while from.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
            came.borrow_mut().look(&mut bytes);
        }
        came.borrow_mut().closed = true;
    };
    let sending = async {
        let mut next = 1;
        let (mut out, mut frames) = attack.begin(victim, &mut next);
        while to.write_all(&out).await.is_ok() {
            sent += frames;
            out = Vec::new();
            frames = attack.then.map_or(0, |then| then(victim, &mut next, &mut out));
            if frames == 0 || sent >= most {
                break;
            }
        }
    };
    let mut reading = std::pin::pin!(reading);
    let sending = tokio::time::timeout(STUCK, async {
        if attack.reads {
            tokio::select! {
                () = sending => {}
                () = &mut reading => {}
            }
        } else {
            sending.await;
        }
    });
    let stuck = sending.await.is_err();
    if !came.borrow().closed {
        let _ = tokio::time::timeout(latest, reading).await;
    }
    let end = came.take();
    End { frames: sent, stuck: stuck && !end.closed, lasted: begun.elapsed(), ..end }
}

/// Sends `bytes` and then only what is polite, until the server has ended `streams` streams or closed the connection.
pub(super) async fn hold(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: Vec<u8>, streams: usize) -> End {
    let (mut end, begun, mut came) = (End::default(), Instant::now(), Vec::new());
    stream.write_all(&bytes).await.unwrap();
    let holding = async {
        while end.reset() < streams && end.answered < streams {
            if !stream.read_buf(&mut came).await.is_ok_and(|read| read > 0) {
                end.closed = true;
                return;
            }
            let answer = end.look(&mut came);
            if stream.write_all(&answer).await.is_err() {
                end.closed = true;
                return;
            }
        }
    };
    end.stuck = tokio::time::timeout(PATIENCE, holding).await.is_err();
    end.lasted = begun.elapsed();
    end
}
