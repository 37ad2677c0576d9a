//! The night out: one story through all five services, by way of the edge of a running `./dev up`; once by gRPC, once by
//! grpc-web. Each part is a check; the last line is the sum.
#![allow(clippy::print_stdout)] // what it says is for the person at the terminal, and for `./dev test` to count
#![allow(clippy::unwrap_used, clippy::expect_used)] // a part of the story that cannot be told fails

mod clock;
mod person;
mod story;

use std::{panic::AssertUnwindSafe, process::ExitCode};

use clap::Parser;
use futures_util::FutureExt as _;

/// Tells the story at an edge.
#[derive(Parser)]
struct Args {
    /// The edge, over plain HTTP: h2 for gRPC, HTTP/1.1 for grpc-web.
    #[arg(long, env = "CREWUP_EDGE_URL", default_value = "http://127.0.0.1:8080")]
    edge: String,
    /// The development issuer.
    #[arg(long, env = "CREWUP_ISSUER_URL", default_value = "http://127.0.0.1:8180/realms/crewup")]
    issuer: String,
    /// The database, as its owner: the story needs the event to end.
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let (mut passed, mut failed) = (0, 0);
    for (name, transport) in [("gRPC", person::grpc(&args.edge)), ("grpc-web", person::grpc_web(&args.edge))] {
        let cast = person::Casting::new(transport, &args.edge, &args.issuer);
        let told = AssertUnwindSafe(story::tell(cast, args.database_url.clone())).catch_unwind();
        match told.await {
            Ok(parts) => {
                passed += parts.len();
                parts.iter().for_each(|part| println!("ok    {part}, by {name}"));
            }
            // The panic has said what and where.
            Err(_) => {
                failed += 1;
                println!("FAIL  the story breaks off, by {name}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
