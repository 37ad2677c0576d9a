//! The group service's process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    crewup_shared::server::main(&crewup_group::SERVICE)
}
