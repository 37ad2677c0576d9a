//! Who is refused at the door is refused before any handler: in a database where the services may learn who calls and in what
//! standing, and nothing else, whoever should be refused is told the same as ever, and who is let in fails.

use std::time::Instant;

use crewup_proto::call::CALLS;
use crewup_tests::{Mesh, Refusal};
use futures_util::{StreamExt as _, stream};
use sqlx::AssertSqlSafe;

use super::{
    KINDS, caller,
    defects::Shown,
    door::{Attempt, Door},
    headers, is_internal, requests,
    scene::{Cast, Scene},
    short, table, workload,
};
use crate::user::accounts::city_with;

/// What is answered before a handler runs, by the token, the role and the standing.
const AT_THE_DOOR: [&str; 7] =
    ["TOKEN_MISSING", "PERSON_ONLY", "SERVICE_ONLY", "ROLE_REQUIRED", "USER_DEACTIVATED", "USER_BANNED", "USER_ERASED"];

/// What is left to the services: the schema's version, by which they are ready; who calls, and in what standing. Of whom an
/// approval is and whom a rating is about, is read before they are entered (X6).
const LEFT: &str = "
    revoke all on all tables in schema public, crewup from SERVICES;
    revoke execute on all functions in schema crewup from SERVICES;
    grant select on _sqlx_migrations to SERVICES;
    grant execute on function crewup.now(), crewup.enter(uuid, uuid[]), crewup.user_state(uuid),
        crewup.restricted_since(bigint, timestamptz), crewup.api_account(text) to SERVICES;
    grant select (id, keycloak_id, claims_iat, erased_at) on users to crewup_user;
    grant select on group_requests to crewup_group;
    grant select on ratings to crewup_user;
";

const AT_ONCE: usize = 16;

/// One that must be refused so.
struct Case {
    name: String,
    attempt: Attempt,
    expected: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_x4_m1_m3_u6_who_is_refused_at_the_door_is_refused_before_any_handler() {
    let (mesh, _) = city_with(&["--relay", "off"]).await;
    refused_before_any_handler(&mesh, Door::straight(&mesh)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn x3_x4_m1_m3_u6_who_is_refused_at_the_door_is_refused_before_any_handler_through_the_edge_too() {
    let (mesh, _) = city_with(&["--relay", "off"]).await;
    refused_before_any_handler(&mesh, Door::edge(&mesh).await).await;
}

async fn refused_before_any_handler(mesh: &Mesh, door: Door<'_>) {
    let cast = Cast::assemble(mesh).await;
    let scene = Scene::set(mesh, &cast).await;
    let table = table();
    // EnsureUser tells who calls, which is left to it; it fails to make a profile.
    let newcomer = mesh.person("newcomer");
    let (of_member, of_newcomer) = (Shown::of(mesh, "member"), Shown::of(mesh, "newcomer"));
    let (mut cases, mut let_in) = (Vec::new(), Vec::new());
    for call in CALLS {
        let name = short(call);
        let ensures = name == "user.internal.EnsureUser";
        let shown = if ensures { &of_newcomer } else { &of_member };
        let answers: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).zip(table[name.as_str()].iter().copied()).collect();
        // A request that succeeds for somebody: what refuses it is not the request.
        let (good, _) = answers.iter().find(|(_, answer)| *answer == "ok").unwrap();
        let body = requests::request(&name, &scene, caller(&cast, good)).await.unwrap();
        let by = |kind: &str| {
            let who = if ensures { &newcomer } else { caller(&cast, kind) };
            let headers = headers(mesh, kind, call, who).into_iter();
            let headers = headers.map(|(name, value)| (name, value.into_bytes())).collect();
            Attempt { call, query: "", headers, workload: workload(kind, call), body: body.clone() }
        };
        if !(door.is_edge() && is_internal(call)) {
            let_in.push((format!("{name} by {good}"), by(good)));
        }
        let kinds = answers.iter().filter(|(_, answer)| AT_THE_DOOR.contains(answer));
        cases.extend(kinds.map(|(kind, answer)| Case {
            name: format!("{name} by {kind}"),
            attempt: by(kind),
            expected: door.expected(call, answer),
        }));
        cases.extend(shown.at(call, &body, &door).map(|(defect, attempt, expected)| Case {
            name: format!("{name} with {defect}"),
            attempt,
            expected,
        }));
    }
    let services = crewup_shared::migrate::SERVICES.map(|name| format!("crewup_{name}")).join(", ");
    let left = AssertSqlSafe(LEFT.replace("SERVICES", &services));
    sqlx::raw_sql(left).execute(&mut mesh.db.connect().await).await.unwrap();

    let (tried, began) = (cases.len(), Instant::now());
    let told = |answer: Result<Vec<u8>, tonic::Status>| match answer {
        Ok(_) => "ok".to_owned(),
        Err(status) => Refusal::of(&status).reason,
    };
    let answered = stream::iter(&cases).map(async |case| {
        let got = told(door.ask(&case.attempt).await);
        (got != case.expected).then(|| format!("{}: {got} instead of {}", case.name, case.expected))
    });
    let mut wrong: Vec<_> = answered.buffer_unordered(AT_ONCE).filter_map(async |wrong| wrong).collect().await;
    eprintln!("{tried} were refused in {:?}", began.elapsed());
    // Else it would prove nothing: some streams say that they are open before they read.
    for (name, attempt) in &let_in {
        let got = told(door.ask_for(2, attempt).await);
        if got != "INTERNAL" {
            wrong.push(format!("{name}, who is let in: {got} instead of INTERNAL"));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > CALLS.len() * 60, "only {tried} were tried");
}
