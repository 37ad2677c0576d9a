//! Ports for what a test starts, kills and starts again.

use std::{
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

/// Below those that the kernel gives to whoever asks for any (32768 and up on Linux), so that nobody is given the port of a
/// process that is being restarted.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// A port of 127.0.0.1 that is free, and given out once.
pub fn free() -> u16 {
    free_at(&[Ipv4Addr::LOCALHOST])
}

/// A port that is free at all of these addresses, and given out once.
pub fn free_at(homes: &[Ipv4Addr]) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in PORTS {
        // Another test process begins elsewhere.
        let offset = std::process::id().wrapping_mul(997).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + offset % (PORTS.end - PORTS.start)).expect("below 2^16");
        if homes.iter().all(|home| TcpListener::bind((IpAddr::from(*home), port)).is_ok()) {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
