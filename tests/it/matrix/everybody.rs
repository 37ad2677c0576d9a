//! The table as it is: every call by every kind of caller, streams and calls between services included.

use std::time::Instant;

use crewup_proto::call::{CALLS, Retry};
use crewup_tests::{Mesh, Persona, Refusal};

use super::{
    KINDS, caller,
    door::{Attempt, Door},
    fields, headers, requests,
    scene::{Cast, Scene},
    short, table, workload,
};
use crate::user::accounts::city;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_m3_u6_every_call_answers_every_kind_of_caller_as_the_table_says() {
    let (mesh, _) = city().await;
    answers_as_the_table_says(&mesh, Door::straight(&mesh)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Envoy: ./dev test"]
async fn m1_m3_u6_x3_so_it_does_through_the_edge_where_calls_between_services_are_unknown_to_everybody() {
    let (mesh, _) = city().await;
    answers_as_the_table_says(&mesh, Door::edge(&mesh).await).await;
}

async fn answers_as_the_table_says(mesh: &Mesh, door: Door<'_>) {
    let cast = Cast::assemble(mesh).await;
    let (table, began) = (table(), Instant::now());
    let (mut tried, mut wrong) = (0, Vec::new());
    let mut seen = fields::Seen::new(cast.names());
    let mut scene = Scene::set(mesh, &cast).await;
    for call in CALLS {
        let name = short(call);
        let Some(answers) = table.get(name.as_str()) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        for ((kind, _), answer) in KINDS.into_iter().zip(answers) {
            let substitute = substitute(mesh, &cast, &scene, &name, kind).await;
            let who = substitute.as_ref().unwrap_or_else(|| caller(&cast, kind));
            let Some(body) = requests::request(&name, &scene, who).await else {
                wrong.push(format!("{name} has no request"));
                break;
            };
            let headers = headers(mesh, kind, call, who).into_iter().map(|(name, value)| (name, value.into_bytes()));
            let (headers, workload) = (headers.collect(), workload(kind, call));
            let attempt = Attempt { call, query: "", headers, workload, body };
            let answered = door.ask(&attempt).await;
            match &answered {
                Ok(answer) if !door.is_edge() => seen.note(call, kind, cast.name_of(who), answer),
                Ok(_) => {}
                Err(status) => seen.refused(call, kind, &attempt.body, status),
            }
            let got = answered.map_or_else(|status| Refusal::of(&status).reason, |_| "ok".into());
            let expected = door.expected(call, answer);
            if got != expected {
                wrong.push(format!("{name} by {kind}: {got} instead of {expected}"));
            }
            tried += 1;
            let changed = got == "ok" && call.retry != Retry::ReadOnly;
            if changed && kind == "deactivated" && name == "user.ReactivateMe" {
                crate::user::deactivate(&cast.deactivated).await;
            }
            if changed {
                scene = Scene::set(mesh, &cast).await;
            }
        }
    }
    eprintln!("{tried} answers in {:?}", began.elapsed());
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(tried, CALLS.len() * KINDS.len());
    seen.must_not_leak();
    // The edge changes no answer; but what services read there is nothing.
    if !door.is_edge() {
        seen.judge(KINDS.into_iter().map(|(kind, _)| kind));
    }
}

/// What ends the caller is tried by somebody whom no other call needs.
async fn substitute(mesh: &Mesh, cast: &Cast, scene: &Scene<'_>, call: &str, kind: &str) -> Option<Persona> {
    match (call, kind) {
        ("user.EraseMe" | "user.DeactivateMe", "stranger" | "blocked" | "member" | "crew admin" | "host") => {
            Some(scene.nobody("substitute").await)
        }
        ("user.EraseMe" | "user.DeactivateMe", "moderator" | "admin role") => Some(moderator(mesh, kind).await),
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
    }
}

/// Somebody with the role, whom no other call needs.
async fn moderator(mesh: &Mesh, kind: &str) -> Persona {
    let role = if kind == "moderator" { "moderator" } else { "admin" };
    let name = format!("substitute-{}", crewup_tests::persona::request_id());
    let person = mesh.person_as(&crewup_issuer::Person::named(&name).with_roles([role]));
    crate::user::enrolled(&person).await;
    person
}
