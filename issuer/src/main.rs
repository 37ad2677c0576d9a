//! `crewup-issuer`: the issuer as a process, for `./dev up`.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use crewup_issuer::{Config, Error, Issuer};
use tokio::signal::unix::{SignalKind, signal};

/// A development stand-in for Keycloak. Every value can come from the environment.
#[derive(Parser)]
#[command(name = "crewup-issuer", disable_help_subcommand = true)]
struct Args {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, env = "CREWUP_ISSUER_PORT", value_name = "CREWUP_ISSUER_PORT")]
    #[arg(default_value_t = 8180, global = true)]
    port: u16,
    /// Must be `development`: this issuer lets anyone sign in as anyone.
    #[arg(long, env = "CREWUP_MODE", value_name = "CREWUP_MODE")]
    #[arg(default_value = "", hide_default_value = true, global = true)]
    mode: String,
    /// How long access tokens are valid, in seconds.
    #[arg(long, env = "CREWUP_TOKEN_LIFETIME", value_name = "CREWUP_TOKEN_LIFETIME")]
    #[arg(default_value_t = 300, global = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    token_lifetime: u32,
    /// A file for the keys (created with mode 0600), so that tokens survive a restart.
    #[arg(long, env = "CREWUP_ISSUER_KEY_FILE", value_name = "CREWUP_ISSUER_KEY_FILE", global = true)]
    key_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop (the default).
    Serve,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.exit_code() == 0 => {
            // Help was asked for; if nobody reads it, nobody misses it.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(64, &one_line(&error)),
    };
    match serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(error.exit_code(), &error.to_string()),
    }
}

async fn serve(args: Args) -> Result<(), Error> {
    let (Some(Command::Serve) | None) = args.command;
    let config = Config {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        mode: args.mode,
        token_lifetime: Duration::from_secs(args.token_lifetime.into()),
        // An empty variable is how scripts and compose files say "unset".
        key_file: args.key_file.filter(|path| !path.as_os_str().is_empty()),
        ..Config::development()
    };
    let addr = config.addr;
    let failed = |source| Error::Serve { addr, source };
    // Before serving, so that no signal arrives unheard.
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;

    let issuer = Issuer::start(config).await?;
    let line = format!(
        "crewup-issuer serves {} (people: {} or any name; password: {})",
        issuer.url(),
        crewup_issuer::Person::DEMO.join(", "),
        issuer.config().password,
    );
    writeln!(io::stdout(), "{line}").map_err(failed)?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What clap has to say, without its hints: the first paragraph in one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

fn refuse(code: u8, why: &str) -> ExitCode {
    // With no standard error left, the exit code has to do.
    let _ = writeln!(io::stderr(), "crewup-issuer: {why}");
    ExitCode::from(code)
}
