//! The five services and `crewup-migrate` in one program, which is the one whose name it was called by: they share nearly all
//! their code, so that an image of one file is a fifth of an image of six.

use std::{ffi::OsString, path::Path, process::ExitCode};

use crewup_shared::{
    migrate,
    server::{self, Service},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Those of the links in the image.
const SERVICES: [&Service; 5] = [
    &crewup_event::SERVICE,
    &crewup_group::SERVICE,
    &crewup_user::SERVICE,
    &crewup_safety::SERVICE,
    &crewup_moderation::SERVICE,
];

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let called = args.first().and_then(|path| Path::new(path).file_name()?.to_str()).unwrap_or_default();
    match called.strip_prefix("crewup-") {
        Some("migrate") => migrate::run_command(args),
        name => match SERVICES.into_iter().find(|service| Some(service.name) == name) {
            Some(service) => server::main_with(service, args),
            None => unknown(called),
        },
    }
}

#[allow(clippy::print_stderr, reason = "for the person at the terminal; nothing runs yet")]
fn unknown(called: &str) -> ExitCode {
    let names = SERVICES.map(|service| format!("crewup-{}", service.name)).join(", ");
    eprintln!("called as {called}: call it by the name of one of its links, {names} or crewup-migrate");
    ExitCode::from(64)
}
