//! The matrix: every call by every kind of caller, with the expected answer as data (`table.txt`), run against the mesh. A
//! call without a row fails. `docs/ACCESS.md` is the same table, rendered by `./dev generate`.

mod fields;
mod hidden;
mod output_only;
mod requests;
mod scene;
mod secrets;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use crewup_proto::call::{Access, CALLS, Call, Retry};
use crewup_tests::{
    Mesh, Persona, Refusal,
    raw::{self, unary_calls},
};

use scene::{Cast, Scene};

const TABLE: &str = include_str!("table.txt");

/// The kinds of caller, in the order of the columns, and what each is told of a call that does not name it.
const KINDS: [(&str, &str); 12] = [
    ("no token", "TOKEN_MISSING"),
    ("deactivated", "USER_DEACTIVATED"),
    ("banned", "USER_BANNED"),
    ("erased", "USER_ERASED"),
    ("service", "PERSON_ONLY"),
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

/// Who calls: the persona whose token is shown, and whom the request is made for.
fn caller<'a>(cast: &'a Cast, kind: &str) -> &'a Persona {
    match kind {
        "deactivated" => &cast.deactivated,
        "banned" => &cast.banned,
        "erased" => &cast.erased,
        "blocked" => &cast.blocked,
        // A service calls on behalf of the member, who sees everything that is asked for.
        "member" | "service" => &cast.member,
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
        "service" => {
            let mut headers = vec![("authorization", bearer(&mesh.issuer().service_token("moderation")))];
            if call.access.contains(&Access::Service) {
                headers.push(("x-crewup-user-token", bearer(who.token())));
            }
            headers
        }
        _ => vec![("authorization", bearer(who.token()))],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_m3_u6_every_call_answers_every_kind_of_caller_as_the_table_says() {
    let mesh = Mesh::start().await;
    let cast = Cast::assemble(&mesh).await;
    let table = table();
    let (mut tried, mut wrong) = (0, Vec::new());
    let mut seen = fields::Seen::new(cast.names());
    let mut scene = Scene::set(&mesh, &cast).await;
    for (service, call) in unary_calls() {
        let name = short(call);
        let Some(answers) = table.get(name.as_str()) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        for ((kind, _), expected) in KINDS.into_iter().zip(answers) {
            // What ends the caller is tried by somebody whom no other call needs.
            let substitute = match (name.as_str(), kind) {
                ("user.EraseMe" | "user.DeactivateMe", "stranger" | "blocked" | "member" | "crew admin" | "host") => {
                    Some(scene.nobody("substitute").await)
                }
                ("user.EraseMe" | "user.DeactivateMe", "moderator" | "admin role") => {
                    Some(moderator(&mesh, kind).await)
                }
                ("user.EraseMe", "deactivated") => {
                    let person = scene.nobody("substitute").await;
                    crate::user::deactivate(&person).await;
                    Some(person)
                }
                ("user.EraseMe", "banned") => {
                    let person = scene.nobody("substitute").await;
                    cast.judge.ban(&person.id().await).await.unwrap();
                    Some(person)
                }
                _ => None,
            };
            let who = substitute.as_ref().unwrap_or_else(|| caller(&cast, kind));
            let Some(body) = requests::request(&name, &scene, who).await else {
                wrong.push(format!("{name} has no request"));
                break;
            };
            let headers = headers(&mesh, kind, call, who);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let answer = raw::call(mesh.addr(service).unwrap(), call.path, &headers, body).await;
            if let Ok(answer) = &answer {
                seen.note(call, kind, cast.name_of(who), answer.get_ref());
            }
            let got = answer.as_ref().map_or_else(|status| Refusal::of(status).reason, |_| "ok".into());
            if got != *expected {
                wrong.push(format!("{name} by {kind}: {got} instead of {expected}"));
            }
            tried += 1;
            let changed = got == "ok" && call.retry != Retry::ReadOnly;
            if changed && ["deactivated"].contains(&kind) && name == "user.ReactivateMe" {
                crate::user::deactivate(&cast.deactivated).await;
            }
            if changed {
                scene = Scene::set(&mesh, &cast).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 82 * KINDS.len(), "only {tried} were tried");
    seen.judge(KINDS.into_iter().map(|(kind, _)| kind));
}

/// Somebody with the role, whom no other call needs.
async fn moderator(mesh: &Mesh, kind: &str) -> Persona {
    let role = if kind == "moderator" { "moderator" } else { "admin" };
    let name = format!("substitute-{}", crewup_tests::persona::request_id());
    let person = mesh.person_as(&crewup_issuer::Person::named(&name).with_roles([role]));
    crate::user::enrolled(&person).await;
    person
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
         Generated by `./dev generate` from `tests/it/matrix/table.txt`, which the tests run against all services: every call by\n\
         every kind of caller. `ok`, or the reason (docs/ERRORS.md). The scene: an event of the host, to which member and crew\n\
         admin are going, and their crew; blocked is who was blocked by the host. Streams are tried by tests/it/live.\n",
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ACCESS.md");
    if std::env::var_os("CREWUP_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), text, "run ./dev generate");
}
