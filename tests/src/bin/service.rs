//! A service as a process of its own, for tests that kill one: the same code as in the tests, compiled with them.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    let name = args.next().unwrap_or_default();
    match crewup_tests::mesh::SERVICES.into_iter().find(|service| service.name == name) {
        Some(service) => crewup_shared::server::main_with(service, [program].into_iter().chain(args)),
        None => ExitCode::from(64),
    }
}
