//! What a ban and an erasure do to the account (M3, M4, U8), with the Admin API up, and down.

use crewup_issuer::{Issuer, Person};
use crewup_proto::moderation::BanUserRequest;
use crewup_tests::{
    Mesh, Persona,
    persona::{ban_of, in_hours},
    refusal::reason,
};

use super::{city, city_with, counts, moderator, sync, until};
use crate::{
    process::Process,
    user::{enrolled, erase},
};

/// Somebody with a profile and an account, and a moderator.
async fn scene() -> (Mesh, &'static Issuer, Person, Persona, Persona) {
    let (mesh, issuer) = city().await;
    let ann = Person::named("ann");
    issuer.accounts().put(ann.clone());
    let (persona, judge) = (mesh.person_as(&ann), moderator(&mesh));
    enrolled(&persona).await;
    enrolled(&judge).await;
    (mesh, issuer, ann, persona, judge)
}

async fn is_enabled(issuer: &Issuer, person: &Person, enabled: bool) {
    let holds = || async { issuer.accounts().get(person.sub()).is_some_and(|account| account.enabled == enabled) };
    until(if enabled { "enabled" } else { "disabled" }, holds).await;
}

async fn orders(mesh: &Mesh) -> i64 {
    sqlx::query_scalar("select count(*) from account_orders").fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

#[tokio::test]
async fn m3_a_ban_disables_the_account_and_ends_its_sessions_until_the_unban() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    judge.ban(&persona.id().await).await.unwrap();
    is_enabled(issuer, &ann, false).await;
    until("signed out", || async { issuer.accounts().get(ann.sub()).unwrap().logouts == 1 }).await;
    // A run that sees it knows whose doing it is: the profile is not put aside, and comes back by the unban alone.
    assert_eq!(counts(&sync(&mesh).await), (2, 0, 0, 0, 0));
    judge.unban(&persona.id().await).await.unwrap();
    is_enabled(issuer, &ann, true).await;
    until("nothing is left to do", || async { orders(&mesh).await == 0 }).await;
    persona.me().await.unwrap();
}

#[tokio::test]
async fn m4_a_ban_that_ends_by_the_clock_enables_the_account_again() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    let user = persona.id().await;
    judge.ban(&user).await.unwrap();
    is_enabled(issuer, &ann, false).await;
    // Its expiry is moved, which is another version of the ban (M2).
    judge.ban_as(BanUserRequest { expire_time: Some(in_hours(48)), ..ban_of(&user) }).await.unwrap();
    until("the order follows", || async {
        let until = "select count(*) from account_orders where until is not null";
        sqlx::query_scalar::<_, i64>(until).fetch_one(&mut mesh.db.connect().await).await.unwrap() == 1
    })
    .await;
    mesh.db.advance(chrono::Duration::hours(47)).await;
    assert!(!issuer.accounts().get(ann.sub()).unwrap().enabled);
    mesh.db.advance(chrono::Duration::hours(1)).await;
    is_enabled(issuer, &ann, true).await;
}

#[tokio::test]
async fn m3_an_account_that_somebody_else_disabled_is_not_enabled_by_an_unban() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    issuer.accounts().change(ann.sub(), |account| account.enabled = false);
    judge.ban(&persona.id().await).await.unwrap();
    until("signed out", || async { issuer.accounts().get(ann.sub()).unwrap().logouts == 1 }).await;
    judge.unban(&persona.id().await).await.unwrap();
    until("nothing is left to do", || async { orders(&mesh).await == 0 }).await;
    assert!(!issuer.accounts().get(ann.sub()).unwrap().enabled);
}

#[tokio::test]
async fn u8_erasing_deletes_the_account_and_leaves_nothing_that_names_it() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    judge.ban(&persona.id().await).await.unwrap();
    is_enabled(issuer, &ann, false).await;
    erase(&persona, &persona.id().await).await;
    until("deleted", || async { issuer.accounts().get(ann.sub()).is_none() }).await;
    until("nothing is left to do", || async { orders(&mesh).await == 0 }).await;
    assert_eq!(counts(&sync(&mesh).await), (1, 0, 0, 0, 0), "an erased profile is not asked for");
}

#[tokio::test]
async fn m3_u8_with_the_admin_api_down_our_own_check_holds_and_the_rest_is_done_when_it_is_back() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    let (bob, bobs) = (mesh.person("bob"), Person::named("bob"));
    issuer.accounts().put(bobs.clone());
    let bob_id = enrolled(&bob).await;
    issuer.accounts().set_away(true);
    judge.ban(&persona.id().await).await.unwrap();
    assert_eq!(reason(persona.me().await), "USER_BANNED");
    erase(&bob, &bob_id).await;
    assert_eq!(reason(bob.me().await), "USER_ERASED");
    let tried = "select count(*) from account_orders where attempts > 1 and done_at is null";
    until("tried again", || async {
        sqlx::query_scalar::<_, i64>(tried).fetch_one(&mut mesh.db.connect().await).await.unwrap() == 2
    })
    .await;
    assert!(issuer.accounts().get(ann.sub()).unwrap().enabled && issuer.accounts().get(bobs.sub()).is_some());
    issuer.accounts().set_away(false);
    mesh.db.advance(chrono::Duration::minutes(5)).await;
    is_enabled(issuer, &ann, false).await;
    until("deleted", || async { issuer.accounts().get(bobs.sub()).is_none() }).await;
    assert_eq!(reason(persona.me().await), "USER_BANNED");
}

#[tokio::test]
async fn m3_what_was_taken_back_while_the_admin_api_was_down_is_not_done() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    issuer.accounts().set_away(true);
    judge.ban(&persona.id().await).await.unwrap();
    mesh.settled().await;
    judge.unban(&persona.id().await).await.unwrap();
    mesh.settled().await;
    issuer.accounts().set_away(false);
    mesh.db.advance(chrono::Duration::minutes(5)).await;
    until("nothing is left to do", || async { orders(&mesh).await == 0 }).await;
    assert!(issuer.accounts().get(ann.sub()).unwrap().enabled);
}

#[tokio::test]
async fn m3_an_order_whose_process_died_is_carried_out_by_another_and_still_taken_back() {
    let (mesh, issuer, ann, persona, judge) = scene().await;
    let user = persona.id().await;
    // As a process leaves it that was killed after it disabled the account, and before it said so.
    issuer.accounts().change(ann.sub(), |account| account.enabled = false);
    sqlx::query(
        "insert into account_orders (user_id, subject, wanted, ours, ordered_at, due_at, leased_until)
         values ($1::uuid, $2, 'disabled', true, crewup.now(), crewup.now(), crewup.now() + interval '1 minute')",
    )
    .bind(&user)
    .bind(ann.sub())
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
    judge.ban(&user).await.unwrap();
    mesh.settled().await;
    mesh.db.advance(chrono::Duration::minutes(1)).await;
    until("signed out", || async { issuer.accounts().get(ann.sub()).unwrap().logouts == 1 }).await;
    judge.unban(&user).await.unwrap();
    is_enabled(issuer, &ann, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x7_x10_how_late_the_orders_are_is_a_figure_and_a_log_names_nobody_but_by_id() {
    let (mesh, issuer) = city_with(&["--relay", "off"]).await;
    issuer.accounts().set_away(true);
    let (persona, judge) = (mesh.person("ann"), moderator(&mesh));
    enrolled(&persona).await;
    enrolled(&judge).await;
    judge.ban(&persona.id().await).await.unwrap();
    let mut user = Process::start(&mesh, "user", &[("CREWUP_ADMIN_CLIENT_SECRET", "crewup_dev_secret")]);
    user.ready().await;
    let figure = async |name: &str| {
        let text = reqwest::get(format!("http://{}/metrics", user.plain)).await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
    };
    until("waiting", || async { figure("crewup_accounts_waiting{").await == 1.0 }).await;
    mesh.db.advance(chrono::Duration::minutes(10)).await;
    until("late", || async { figure("crewup_accounts_lag_seconds{").await > 600.0 }).await;
    issuer.accounts().set_away(false);
    mesh.db.advance(chrono::Duration::minutes(5)).await;
    until("done", || async { figure("crewup_accounts_waiting{").await == 0.0 }).await;
    assert_eq!(figure("crewup_accounts_lag_seconds{").await, 0.0);
    let log = user.logged();
    assert!(log.contains("not yet as ordered") && log.contains(&persona.id().await), "{log}");
    assert!(!log.contains("crewup.example") && !log.contains("Ann"), "{log}");
}
