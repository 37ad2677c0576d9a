//! Who attacks: on a thread of its own, so that honest callers wait for the server and not for the attacker.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    net::SocketAddr,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::mpsc,
    task::LocalSet,
};

use super::{
    attacks::{Attack, Victim, polite},
    frames::{Frame, GOAWAY, RST_STREAM},
};
use crate::{Failure, clock};

/// How far it got.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub connections: u64,
    /// Connections that the server closed.
    pub closed: u64,
    /// Frames and bytes that went out.
    pub frames: u64,
    pub bytes: u64,
    /// The most frames that one connection took before it was closed; 0: none was closed.
    pub most: u64,
    /// By which codes the server said that it had enough of a connection.
    pub goaways: BTreeMap<u32, u64>,
    /// Streams that the server reset.
    pub resets: u64,
    /// Seconds of processor time that it took.
    pub spent: f64,
}

/// Attacks `addr` for `time`.
pub fn start(
    attack: Attack,
    victim: Victim,
    addr: SocketAddr,
    time: Duration,
) -> thread::JoinHandle<Result<Told, String>> {
    thread::spawn(move || run(&attack, &victim, addr, time).map_err(|error| error.to_string()))
}

fn run(attack: &Attack, victim: &Victim, addr: SocketAddr, time: Duration) -> Result<Told, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (told, until) = (Rc::new(RefCell::new(Told::default())), Instant::now() + time);
    let local = LocalSet::new();
    for _ in 0..attack.connections {
        let (attack, victim, told) = (attack.clone(), victim.clone(), Rc::clone(&told));
        local.spawn_local(async move {
            let again = async {
                loop {
                    if one(&attack, &victim, addr, &told).await.is_err() {
                        // Nobody takes connections any more; that must not make the attacker busy.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            };
            let _ = tokio::time::timeout_at(until.into(), again).await;
        });
    }
    runtime.block_on(local);
    let mut told = told.borrow().clone();
    told.spent = clock::of_this_thread();
    Ok(told)
}

/// One connection, until the server closes it.
async fn one(attack: &Attack, victim: &Victim, addr: SocketAddr, told: &Rc<RefCell<Told>>) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut from, mut to) = stream.into_split();
    let (tell, mut asked) = mpsc::unbounded_channel();
    let mut sent = 0;
    told.borrow_mut().connections += 1;
    let closed = {
        let writing = write(attack, victim, &mut to, &mut asked, told, &mut sent);
        if attack.reads {
            tokio::select! {
                done = writing => done,
                done = read(&mut from, &tell, told) => done,
            }
        } else {
            writing.await
        }
    };
    // What was said before the connection was closed may still be there to read.
    let _ = tokio::time::timeout(Duration::from_millis(50), read(&mut from, &tell, told)).await;
    let mut told = told.borrow_mut();
    told.closed += 1;
    told.most = told.most.max(sent);
    closed
}

async fn write(
    attack: &Attack,
    victim: &Victim,
    to: &mut OwnedWriteHalf,
    asked: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    told: &Rc<RefCell<Told>>,
    sent: &mut u64,
) -> io::Result<()> {
    let mut next = 1;
    let (mut out, mut frames) = attack.begin(victim, &mut next);
    loop {
        while let Ok(answer) = asked.try_recv() {
            out.extend(answer);
        }
        to.write_all(&out).await?;
        *sent += frames;
        {
            let mut told = told.borrow_mut();
            told.frames += frames;
            told.bytes += out.len() as u64;
        }
        (out, frames) = (Vec::new(), 0);
        match attack.then {
            Some(then) => {
                if attack.pause.is_zero() {
                    tokio::task::yield_now().await;
                } else {
                    tokio::time::sleep(attack.pause).await;
                }
                frames = then(victim, &mut next, &mut out);
            }
            // Until the server asks for an answer.
            None => out = asked.recv().await.unwrap_or_default(),
        }
    }
}

/// Reads until the end or until the server takes no more streams, and answers what has to be answered.
async fn read(
    from: &mut OwnedReadHalf,
    tell: &mpsc::UnboundedSender<Vec<u8>>,
    told: &Rc<RefCell<Told>>,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(1 << 14);
    while from.read_buf(&mut bytes).await? > 0 {
        let mut answer = Vec::new();
        while let Some(frame) = Frame::take(&mut bytes) {
            let mut told = told.borrow_mut();
            match (frame.kind, frame.code()) {
                (GOAWAY, Some(code)) => {
                    *told.goaways.entry(code).or_default() += 1;
                    return Ok(());
                }
                (RST_STREAM, _) => told.resets += 1,
                _ => polite(frame.kind, frame.flags, &frame.payload, &mut answer),
            }
        }
        if !answer.is_empty() {
            let _ = tell.send(answer);
        }
    }
    Ok(())
}
