//! The same statements without a service: what a call sends to PostgreSQL is read from the server's log, and run by
//! `pgbench -M prepared` with as many clients.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use uuid::Uuid;

use crate::{Failure, calls::Case, load, world::World};

/// How to run pgbench.
pub struct Pgbench {
    pub program: PathBuf,
    pub folder: PathBuf,
    pub clients: usize,
    pub time: Duration,
}

impl Pgbench {
    /// Transactions a second of a script. `start`: the number of the first that can be made once only.
    pub fn run(&self, world: &World, service: &str, script: &str, start: u64) -> Result<f64, Failure> {
        let file = self.folder.join("script.sql");
        fs::write(&file, script)?;
        let (clients, seconds) = (self.clients.to_string(), self.time.as_secs().max(1).to_string());
        let output = Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-j", "1", "-c", &clients, "-T", &seconds])
            .args(["-D", "i=-1", "-D", &format!("start={start}"), "-f"])
            .arg(&file)
            .args(["-h", "127.0.0.1", "-p", &world.port.to_string()])
            .args(["-U", &format!("crewup_{service}_login"), crate::world::RUN])
            .env("PGPASSWORD", "crewup_dev_password")
            .env("PGSSLMODE", "disable")
            .env("PGOPTIONS", "-c pg_trgm.word_similarity_threshold=0.5 -c timezone=UTC")
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        match tps {
            Some(tps) if output.status.success() => Ok(tps),
            _ => {
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                let first = errors.lines().find(|line| line.contains("ERROR")).unwrap_or("failed").to_owned();
                Err(format!("pgbench: {first}").into())
            }
        }
    }
}

/// A call's statements as a script that draws other ids each time.
pub async fn script(
    world: &World,
    log: &Path,
    case: &std::rc::Rc<Case>,
    addr: std::net::SocketAddr,
    tokens: &load::Tokens,
) -> Result<String, Failure> {
    // The first calls prepare statements and look up standings: the last one is as all that follow.
    let mut found = None;
    world.configure(["set log_statement = 'all'", "set log_line_prefix = '<%p>'"]).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..40 {
        let (call, ids) = case.draw_one().ok_or("no call is left")?;
        let before = fs::metadata(log)?.len();
        let call = std::cell::Cell::new(Some(call));
        let done = load::run(addr, tokens, 1, Duration::from_secs(5), std::rc::Rc::new(move || call.take())).await?;
        if let Some(why) = done.failed.keys().next() {
            return Err(format!("{}: {why}", case.name).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let text = fs::read(log)?;
        let text = String::from_utf8_lossy(&text[usize::try_from(before)?..]).into_owned();
        let mut statements = of_call(&text, &ids);
        // A busy caller's standing is known (X6).
        statements.retain(|(sql, _)| !sql.contains("crewup.user_state"));
        let whole =
            |(first, last): (&Statement, &Statement)| first.0.starts_with("begin") && last.0.ends_with("commit");
        if statements.len() == 1 || statements.first().zip(statements.last()).is_some_and(whole) {
            found = Some((statements, ids));
        }
    }
    world.configure(["reset log_statement", "reset log_line_prefix"]).await?;
    let (statements, ids) = found.ok_or(format!("{}: its statements were not found in the log", case.name))?;
    Ok(rendered(case, &statements, &ids))
}

/// A statement and its parameters.
type Statement = (String, Vec<Option<String>>);

/// The statements of the connection on which the caller's id was sent.
fn of_call(log: &str, ids: &[(Uuid, &str)]) -> Vec<Statement> {
    let mut entries: Vec<(String, String, String)> = Vec::new();
    for line in log.lines() {
        if let Some((pid, rest)) = line.strip_prefix('<').and_then(|line| line.split_once('>')) {
            if let Some((level, text)) = rest.split_once(":  ") {
                entries.push((pid.to_owned(), level.to_owned(), text.to_owned()));
            }
        } else if let Some((_, _, text)) = entries.last_mut() {
            text.push('\n');
            text.push_str(line.trim_start_matches('\t'));
        }
    }
    let caller = ids.first().map(|(id, _)| id.to_string()).unwrap_or_default();
    let Some(pid) = entries.iter().find(|(_, _, text)| text.contains(&caller)).map(|(pid, ..)| pid.clone()) else {
        return Vec::new();
    };
    let mut statements: Vec<Statement> = Vec::new();
    for (_, level, text) in entries.iter().filter(|(one, ..)| *one == pid) {
        match level.as_str() {
            "LOG" => {
                if let Some((how, sql)) = text.split_once(": ")
                    && (how.starts_with("execute") || how == "statement")
                {
                    statements.push((sql.to_owned(), Vec::new()));
                }
            }
            "DETAIL" => {
                if let (Some(list), Some(last)) = (text.strip_prefix("parameters: "), statements.last_mut()) {
                    last.1 = parameters(list);
                }
            }
            _ => {}
        }
    }
    statements
}

/// `$1 = 'a''b', $2 = NULL` as values.
fn parameters(list: &str) -> Vec<Option<String>> {
    let (mut values, mut rest) = (Vec::new(), list);
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(quoted) = value.strip_prefix('\'') {
            let (mut text, mut chars) = (String::new(), quoted.char_indices().peekable());
            let mut end = quoted.len();
            while let Some((at, char)) = chars.next() {
                if char == '\'' {
                    if chars.peek().is_some_and(|(_, next)| *next == '\'') {
                        chars.next();
                    } else {
                        end = at + 1;
                        break;
                    }
                }
                text.push(char);
            }
            values.push(Some(text));
            rest = &quoted[end..];
        } else {
            values.push(None);
            rest = value.split_once(", ").map_or("", |(_, rest)| rest);
        }
    }
    values
}

fn rendered(case: &Case, statements: &[Statement], ids: &[(Uuid, &str)]) -> String {
    // Ids that the service made are made anew; what they are does not matter, but that one is the same everywhere.
    let mut fresh: Vec<Uuid> = Vec::new();
    let writes = statements.len() > 1;
    let mut script = format!("\\set fresh random(1, 100000000000000)\n{}", case.draw);
    for (sql, values) in statements {
        let mut text = sql.clone();
        // From the last, so that $1 is not taken for the beginning of $10.
        for (at, value) in values.iter().enumerate().rev() {
            let value = match value {
                None => "null".to_owned(),
                Some(value) => {
                    let list = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
                    let found: Vec<Uuid> = list.unwrap_or(value).split(',').flat_map(Uuid::try_parse).collect();
                    for id in found.iter().filter(|id| writes && !id.is_nil() && !id.is_max()) {
                        if !ids.iter().any(|(known, _)| known == id) && !fresh.contains(id) {
                            fresh.push(*id);
                        }
                    }
                    let quoted: Vec<_> = found.iter().map(|id| format!("'{id}'")).collect();
                    match (found.is_empty(), list) {
                        (true, _) => format!("'{}'", value.replace('\'', "''")),
                        (false, Some(_)) => format!("array[{}]::uuid[]", quoted.join(", ")),
                        (false, None) => quoted.join(""),
                    }
                }
            };
            text = text.replace(&format!("${}", at + 1), &value);
        }
        for (id, variable) in ids {
            text = text.replace(&format!("'{id}'"), variable);
        }
        for (at, id) in fresh.iter().enumerate() {
            text = text.replace(&format!("'{id}'"), &format!("bench.id(9, {at} + :fresh::bigint)"));
        }
        script.push_str(text.trim().trim_end_matches(';'));
        script.push_str(";\n");
    }
    script
}
