//! `crewup-seed`: fills an empty database with the demo city, or checks any database by the rules.

use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand};
use crewup_seed::{FEWEST_PEOPLE, Failure, Options};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use std::io::Write;
use std::process::ExitCode;

/// Fills a migrated, empty CrewUp database with a city that looks real.
#[derive(Parser)]
#[command(name = "crewup-seed", args_conflicts_with_subcommands = true)]
struct Args {
    /// Where the database is, as the role that owns the schema.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        global = true,
        default_value = "postgres://crewup:crewup_dev_password@localhost:5432/crewup"
    )]
    database_url: String,
    /// Another seed is another city.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many people.
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(i64::from(FEWEST_PEOPLE)..=1_000_000))]
    people: u32,
    /// How many events.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    events: u32,
    /// The time at which the city is seen, in RFC 3339; the database's now, truncated to the hour, if not told.
    #[arg(long)]
    now: Option<DateTime<Utc>>,
    /// Do nothing, successfully, if the database has people or events already.
    #[arg(long)]
    if_empty: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the rows of any CrewUp database by the rules; fails with the first that is violated.
    Check,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(help) if !help.use_stderr() => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            // One line that says what is wrong; the rest of clap's answer is usage.
            let text = error.to_string();
            let _ = writeln!(std::io::stderr(), "{}", text.lines().next().unwrap_or_default());
            return ExitCode::from(64);
        }
    };
    match run(&args).await {
        Ok(line) => {
            // A closed pipe is no reason to fail: the work is done.
            let _ = writeln!(std::io::stdout(), "{line}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let line = failure.to_string().replace('\n', " ");
            let _ = writeln!(std::io::stderr(), "crewup-seed: {line}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(args: &Args) -> Result<String, Failure> {
    let mut conn = PgConnection::connect(&args.database_url).await?;
    if let Some(Command::Check) = args.command {
        let rules = crewup_seed::check(&mut conn).await?;
        return Ok(format!("{rules} rules hold"));
    }
    let options = Options { seed: args.seed, people: args.people, events: args.events, now: args.now };
    match crewup_seed::fill(&mut conn, &options).await {
        Ok(counts) => Ok(counts.to_string()),
        Err(Failure::NotEmpty) if args.if_empty => {
            Ok("nothing to do: the database has people or events already".into())
        }
        Err(failure) => Err(failure),
    }
}
