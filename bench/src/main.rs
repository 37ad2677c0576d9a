//! `crewup-bench`: the figures of docs/PERFORMANCE.md. `./dev bench` runs it.
//!
//! One run on one database, in interleaved rounds: each call straight at its service, through Envoy, and as the same
//! statements under pgbench; beside them the peers. What is told is the median of the rounds. A round in which other
//! processes took more than 5 % of the processors is repeated.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]
#![allow(clippy::disallowed_methods, reason = "it measures time, and calls no handler")]
#![allow(clippy::large_futures, reason = "each is run once")]
#![allow(missing_docs, unreachable_pub, reason = "a program whose readers read it")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures")]

mod abuse;
mod calls;
mod clock;
mod contests;
mod host;
mod listeners;
mod live;
mod load;
mod overload;
mod peers;
mod pgbench;
mod rounds;
mod table;
mod trust;
mod world;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, rc::Rc, time::Duration};

use clap::Parser;
use crewup_issuer::{Config, Issuer, Person};
use http::HeaderValue;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever stops a run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "crewup-bench")]
struct Args {
    /// How many rounds; the median is told.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Calls in flight.
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
    /// Only calls and contests whose name contains one of these parts, which commas divide.
    #[arg(long, default_value = "")]
    only: String,
    /// Prints the statements of each call, as pgbench gets them.
    #[arg(long)]
    statements: bool,
    /// The database that the run's is a copy of.
    #[arg(long, default_value = "")]
    world: String,
    /// The folder of PostgreSQL's socket, above which its log and data are.
    #[arg(long, default_value = ".")]
    socket: PathBuf,
    /// PostgreSQL's port.
    #[arg(long, default_value_t = 5432)]
    port: u16,
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    #[arg(long, default_value = "pgbench")]
    pgbench: PathBuf,
    #[arg(long, default_value = "envoy")]
    envoy: PathBuf,
    /// The folder with the certificates of the mesh.
    #[arg(long, default_value = ".dev/mesh")]
    mesh: PathBuf,
    /// Serves as a peer instead.
    #[arg(long, requires = "listen", hide = true)]
    peer: Option<String>,
    #[arg(long, hide = true)]
    listen: Option<SocketAddr>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread makes the load. Peers are ordinary servers, with a thread for each processor.
    let mut runtime = match args.peer.as_deref() {
        None | Some(peers::EMPTY_ONE_THREAD) => tokio::runtime::Builder::new_current_thread(),
        Some(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build();
    let done = match (runtime, &args.peer, args.listen) {
        (Err(error), ..) => Err(error.into()),
        (Ok(runtime), Some(role), Some(addr)) => runtime.block_on(peers::serve(role, addr)).map(|()| true),
        (Ok(runtime), ..) => runtime.block_on(run(&args)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crewup-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every floor was met.
async fn run(args: &Args) -> Result<bool, Failure> {
    let socket = args.socket.to_str().ok_or("the socket's folder has no name")?;
    let world = world::World::copy(socket, args.port, &args.world).await?;
    let config = Config { token_lifetime: Duration::from_secs(7200), ..Config::development() };
    let issuer = Issuer::start(config).await?;
    eprintln!("signing {} tokens", world::CALLERS);
    let tokens = tokens(&issuer)?;
    let places = host::Places {
        binaries: args.binaries.clone(),
        envoy: args.envoy.clone(),
        mesh: args.mesh.clone(),
        folder: PathBuf::from("target/bench"),
    };
    let host = host::Host::start(&places, &world, &issuer).await?;
    let postmaster = std::fs::read_to_string(args.socket.join("data/postmaster.pid"))?;
    let bench = rounds::Bench {
        world,
        tokens,
        host,
        postmaster: postmaster.lines().next().unwrap_or_default().parse()?,
        pgbench: pgbench::Pgbench {
            program: args.pgbench.clone(),
            folder: places.folder.clone(),
            clients: args.in_flight,
            time: Duration::from_secs(args.seconds),
        },
        places,
        log: args.socket.join("log"),
        in_flight: args.in_flight,
        time: Duration::from_secs(args.seconds),
        rounds: args.rounds,
    };
    bench.rest().await?;
    let measured = bench.measure(&args.only, args.statements).await?;
    show(!measured.is_empty(), &table::calls(&measured));
    let contests = contests::all(&bench, &args.only).await?;
    show(!contests.is_empty(), &table::contests(&contests));
    let trust = trust::all(&bench, &args.only).await?;
    show(!trust.is_empty(), &table::trust(&trust));
    let abuse = abuse::all(&bench, &args.only).await?;
    show(!abuse.is_empty(), &abuse::table(&abuse));
    let live = live::all(&bench, &args.only).await?;
    show(!live.is_empty(), &table::live(&live));
    let (text, met) = table::floors(&measured, &contests);
    println!("{text}");
    if let Some(told) = table::told(&measured) {
        println!("{told}");
    }
    Ok(met && live.iter().all(live::Figure::is_met) && abuse.iter().all(abuse::Outcome::is_met))
}

/// Prints a table that has rows.
fn show(has_rows: bool, table: &str) {
    if has_rows {
        println!("{table}");
    }
}

/// A token for each caller.
fn tokens(issuer: &Issuer) -> Result<load::Tokens, Failure> {
    let token = |number: u64| {
        let mut claims = issuer.claims(&Person::named(format!("bench-{number}")));
        claims["sub"] = format!("bench-{number}").into();
        format!("Bearer {}", issuer.mint(&claims, &serde_json::json!({})))
    };
    let half = world::CALLERS / 2;
    let texts: Vec<String> = std::thread::scope(|scope| {
        let second = scope.spawn(|| (half + 1..=world::CALLERS).map(token).collect::<Vec<_>>());
        let mut first: Vec<_> = (1..=half).map(token).collect();
        first.extend(second.join().unwrap_or_default());
        first
    });
    Ok(Rc::new(texts.iter().map(|text| HeaderValue::from_str(text)).collect::<Result<_, _>>()?))
}
