//! The demo city.
fn main() {}
