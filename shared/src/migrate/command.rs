//! The command line of `crewup-migrate`.

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use super::{Failure, Login, SERVICES, adopt, connect, create_logins, latest, reapply, standings, status, up, wait};
use crate::config::wrong_line;

/// Migrates the CrewUp database.
#[derive(Parser)]
#[command(name = "crewup-migrate")]
struct Args {
    /// Where the database is, as the role that owns the schema.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "postgres://crewup:crewup_dev_password@localhost:5432/crewup"
    )]
    database_url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Creates the services' roles and applies what is missing.
    Up,
    /// Lists the migrations and whether they are applied.
    Status,
    /// Waits until the schema has at least the migrations of this binary.
    Wait {
        /// For how many seconds.
        #[arg(long, default_value_t = 60)]
        timeout: u64,
    },
    /// Takes over a database that another program made with the reference schema: all of it, or nothing is changed.
    Adopt {
        /// The zone in which its times without a zone were written, such as Europe/Berlin: what `show timezone` said to
        /// the program that wrote them.
        #[arg(long)]
        time_zone: String,
        /// Tries everything, says what it would do, and takes it back.
        #[arg(long)]
        dry_run: bool,
    },
    /// After a restore: bans and erases again whom the log of standings names, which is read from standard input: the logs of
    /// the user service since the moment that was restored. Other lines are passed over.
    Reapply,
    /// Creates or updates the login of each service; passwords from `CREWUP_<SERVICE>_DB_PASSWORD`, or from the
    /// file that `CREWUP_<SERVICE>_DB_PASSWORD_FILE` names.
    Roles,
}

/// The whole process, with the arguments `args`, the program's name first.
#[tokio::main(flavor = "current_thread")]
pub async fn run_command(args: impl IntoIterator<Item: Into<OsString> + Clone>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(help) if !help.use_stderr() => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", wrong_line::<Args>(&error));
            return ExitCode::from(64);
        }
    };
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = failure.to_string().replace('\n', " ");
            let _ = writeln!(std::io::stderr(), "crewup-migrate: {line}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Up => {
            let mut conn = connect(&args.database_url).await?;
            up(&mut conn).await?;
            say(&format!("the schema is at migration {}", latest()));
        }
        Command::Status => {
            let mut conn = connect(&args.database_url).await?;
            for step in status(&mut conn).await? {
                let applied = if step.applied { "applied" } else { "missing" };
                say(&format!("{:04}  {applied}  {}", step.version, step.name));
            }
        }
        Command::Wait { timeout } => {
            wait(&args.database_url, Duration::from_secs(timeout)).await?;
            say(&format!("the schema is at migration {} or later", latest()));
        }
        Command::Adopt { time_zone, dry_run } => {
            let mut conn = connect(&args.database_url).await?;
            let adopted = adopt(&mut conn, &time_zone, dry_run).await?;
            say(&adopted.to_string());
            if dry_run {
                say("tried, and taken back: nothing was changed");
            } else {
                say(&format!("adopted: the schema is at migration {}", latest()));
            }
        }
        Command::Reapply => {
            let standings = standings(std::io::stdin().lock())?;
            let mut conn = connect(&args.database_url).await?;
            say(&reapply(&mut conn, &standings).await?.to_string());
        }
        Command::Roles => {
            let logins = logins(|name| std::env::var(name).ok())?;
            let mut conn = connect(&args.database_url).await?;
            create_logins(&mut conn, &logins).await?;
            for login in &logins {
                say(&format!("{} logs in as a member of crewup_{}", login.role(), login.service));
            }
        }
    }
    Ok(())
}

/// All passwords before anything is changed: half of the logins are of no use.
fn logins(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Login>, Failure> {
    let login = |service: &'static str| {
        let name = format!("CREWUP_{}_DB_PASSWORD", service.to_uppercase());
        let password = match (variable(&name), variable(&format!("{name}_FILE"))) {
            (Some(value), _) => value,
            (None, Some(path)) => std::fs::read_to_string(&path)
                .map_err(|error| Failure::Config(format!("{name}_FILE: {path}: {error}")))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            (None, None) => return Err(Failure::Config(format!("{name} is not set"))),
        };
        if password.is_empty() {
            return Err(Failure::Config(format!("{name} is empty")));
        }
        Ok(Login { service, password })
    };
    SERVICES.into_iter().map(login).collect()
}

/// A closed pipe is no reason to fail: the work is done.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
