//! HTTP/2 frames written by hand (RFC 9113, RFC 7541): no library writes what is not allowed.

/// What every connection of a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags. The first has two names.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// The setting by which a peer says how much it takes of each stream.
pub const INITIAL_WINDOW_SIZE: u16 = 4;
/// The largest payload that everybody must take.
pub const LARGEST: usize = 16_384;

const HEAD: usize = 9;

/// Appends a frame.
pub fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    out.extend(&length[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

/// Appends a frame of settings.
pub fn settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(out, SETTINGS, 0, 0, &payload);
}

/// How a connection begins, with these settings.
pub fn preface(with: &[(u16, u32)]) -> Vec<u8> {
    let mut out = PREFACE.to_vec();
    settings(&mut out, with);
    out
}

/// Appends a header that the other side does not remember.
pub fn literal(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0);
    text(out, name);
    text(out, value);
}

/// Appends a header that the other side remembers: the last one so said has the index 62.
pub fn remembered(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0x40);
    text(out, name);
    text(out, value);
}

/// Appends a header that the other side knows; `index` is below 127.
pub fn again(out: &mut Vec<u8>, index: u8) {
    out.push(0x80 | index);
}

/// Without Huffman's code.
fn text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.len();
    if rest < 127 {
        out.push(rest as u8);
    } else {
        out.push(127);
        rest -= 127;
        while rest >= 128 {
            out.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        out.push(rest as u8);
    }
    out.extend(text.as_bytes());
}

/// What came in.
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame out of `bytes`, if all of it is there.
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        let number = |part: &[u8]| part.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let end = HEAD + number(&head[..3]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let payload = bytes.get(HEAD..end)?.to_vec();
        bytes.drain(..end);
        Some(Self { kind, flags, payload })
    }

    /// Why a stream (RST_STREAM) or the connection (GOAWAY) ends.
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().ok()?))
    }
}
