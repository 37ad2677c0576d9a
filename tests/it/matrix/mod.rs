//! The matrix: every call by every kind of caller, with the expected answer as data (`table.txt`), and every defect of a token
//! (`defects.txt`), run straight at each service and through the edge. A call without a row fails. `docs/ACCESS.md` is the
//! same, rendered by `./dev generate`.

mod defects;
mod door;
mod everybody;
mod fields;
mod hidden;
mod output_only;
mod refused;
mod requests;
mod scene;
mod secrets;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use crewup_proto::call::{Access, CALLS, Call};
use crewup_shared::migrate::SERVICES;
use crewup_tests::{Mesh, Persona};

use scene::Cast;

const TABLE: &str = include_str!("table.txt");

/// The kinds of caller, in the order of the columns, and what each is told of a call that does not name it.
const KINDS: [(&str, &str); 13] = [
    ("no token", "TOKEN_MISSING"),
    ("deactivated", "USER_DEACTIVATED"),
    ("banned", "USER_BANNED"),
    ("erased", "USER_ERASED"),
    ("service", "PERSON_ONLY"),
    // One that the call does not name.
    ("other service", "PERSON_ONLY"),
    ("stranger", ""),
    ("blocked", ""),
    ("member", ""),
    ("crew admin", ""),
    ("host", ""),
    ("moderator", ""),
    ("admin role", ""),
];

/// The table: the expected answers by call, in the order of the kinds.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let mut words = row.split_whitespace();
        let call = words.next().unwrap();
        let answers: Vec<_> =
            words.zip(KINDS).map(|(word, (_, usual))| if word == "=" { usual } else { word }).collect();
        assert_eq!(answers.len(), KINDS.len(), "{call}");
        (call, answers)
    })
    .collect()
}

/// A call's name in the table: `event.GetEvent`, `user.internal.EnsureUser`.
fn short(call: &Call) -> String {
    let (package, name) = call.path.trim_start_matches('/').split_once('/').unwrap();
    let mut parts: Vec<_> = package.split('.').skip(1).filter(|part| *part != "v1").collect();
    parts.pop();
    parts.push(name);
    parts.join(".")
}

/// The service that a call is of.
fn service(call: &Call) -> &'static str {
    call.path.split('.').nth(1).unwrap()
}

/// Whether only services make it.
fn is_internal(call: &Call) -> bool {
    call.access.contains(&Access::Service)
}

/// The services that may connect to a call's: those that one of its calls names.
fn let_in(call: &Call) -> impl Iterator<Item = &'static str> {
    let of_it = CALLS.iter().filter(|other| service(other) == service(call));
    of_it.flat_map(|call| call.callers.iter().copied())
}

/// A service that the call does not name: one that may connect, where there is one.
fn unnamed(call: &Call) -> &'static str {
    let is_other = |name: &&str| !call.callers.contains(name);
    let_in(call).chain(SERVICES).find(is_other).unwrap()
}

/// Whose connection it is, where that is seen: people come through the edge. Where a service may not connect at all, it has
/// stolen the certificate of one that may.
fn workload(kind: &str, call: &Call) -> &'static str {
    match kind {
        "service" | "other service" if is_internal(call) => {
            let own = if kind == "service" { "moderation" } else { unnamed(call) };
            let_in(call).find(|name| *name == own).or_else(|| let_in(call).next()).unwrap()
        }
        _ => "edge",
    }
}

/// Who calls: the persona whose token is shown, and whom the request is made for.
fn caller<'a>(cast: &'a Cast, kind: &str) -> &'a Persona {
    match kind {
        "deactivated" => &cast.deactivated,
        "banned" => &cast.banned,
        "erased" => &cast.erased,
        "blocked" => &cast.blocked,
        // A service calls on behalf of the member, who sees everything that is asked for.
        "member" | "service" | "other service" => &cast.member,
        "crew admin" => &cast.admin,
        "host" => &cast.host,
        "moderator" => &cast.moderator,
        "admin role" => &cast.admin_role,
        _ => &cast.stranger,
    }
}

fn headers(mesh: &Mesh, kind: &str, call: &Call, who: &Persona) -> Vec<(&'static str, String)> {
    let bearer = |token: &str| format!("Bearer {token}");
    match kind {
        "no token" => Vec::new(),
        "service" | "other service" => {
            let name = if kind == "service" { "moderation" } else { unnamed(call) };
            let mut headers = vec![("authorization", bearer(&mesh.issuer().service_token(name)))];
            if is_internal(call) {
                headers.push(("x-crewup-user-token", bearer(who.token())));
            }
            headers
        }
        _ => vec![("authorization", bearer(who.token()))],
    }
}

#[test]
fn the_table_has_no_row_without_a_call() {
    let known: Vec<_> = CALLS.iter().map(short).collect();
    for call in table().keys() {
        assert!(known.iter().any(|name| name == call), "{call}");
    }
}

#[test]
fn docs_access_md_is_what_the_table_says() {
    let mut text = String::from(
        "# Who may make which call\n\n\
         Generated by `./dev generate` from `tests/it/matrix/table.txt` and `defects.txt`, which the tests run straight at each\n\
         service and through the edge: every call by every kind of caller. `ok`, or the reason (docs/ERRORS.md); of a stream `ok`\n\
         means that its first thing came. The scene: an event of the host, to which member and crew admin are going, and their\n\
         crew; blocked is who was blocked by the host; other service is one that the call does not name. The edge routes no call\n\
         between services: there everybody is told `UNKNOWN_CALL`.\n",
    );
    let table = table();
    let mut service = "";
    for (call, answers) in &table {
        let of = call.rsplit_once('.').unwrap().0;
        if of != service {
            service = of;
            let kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
            write!(text, "\n## {of}\n\n| call | {} |\n|---{}|\n", kinds.join(" | "), "|---".repeat(KINDS.len()))
                .unwrap();
        }
        let answers: Vec<_> =
            answers.iter().map(|answer| if *answer == "ok" { "ok".into() } else { format!("`{answer}`") }).collect();
        writeln!(text, "| {} | {} |", call.rsplit_once('.').unwrap().1, answers.join(" | ")).unwrap();
    }
    text.push_str(
        "\n## Tokens that open nothing\n\n\
         What is wrong with the token, and what every call of people and every call between services answers then, before any\n\
         handler. Most are made by `issuer/src/defects`, where it says why.\n\n| defect | people's calls | services' calls |\n|---|---|---|\n",
    );
    for (name, reasons) in defects::table() {
        let [people, services] = reasons.map(|reason| if reason == "-" { "-".into() } else { format!("`{reason}`") });
        writeln!(text, "| {name} | {people} | {services} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ACCESS.md");
    if std::env::var_os("CREWUP_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), text, "run ./dev generate");
}
