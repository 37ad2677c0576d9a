//! `crewup-migrate`: the only thing that changes the schema (X12), and the logins of the services.

fn main() -> std::process::ExitCode {
    crewup_shared::migrate::run_command(std::env::args_os())
}
