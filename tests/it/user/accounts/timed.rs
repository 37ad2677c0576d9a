//! The synchronisation that nobody asks for (X7).

use crewup_issuer::{Config, Issuer, Person};
use crewup_tests::{Mesh, cluster};

use super::until;

const SETTINGS: [&str; 2] = ["--admin-client-secret", "crewup_dev_secret"];

async fn people(mesh: &Mesh) -> i64 {
    sqlx::query_scalar("select count(*) from users").fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x7_accounts_are_synchronised_by_the_clock_once_whatever_the_number_of_replicas() {
    let issuer: &'static Issuer = Box::leak(Box::new(Issuer::start(Config::development()).await.unwrap()));
    for number in 0..150 {
        issuer.accounts().put(Person::named(format!("person-{number}")));
    }
    let mut mesh = Mesh::with(cluster::database().await, issuer, &SETTINGS).await;
    for _ in 0..2 {
        mesh.add(&crewup_user::SERVICE, &SETTINGS).await;
    }
    let (db, is_over) = (&mesh.db, "select leased_until is null and due_at > crewup.now() from account_sync");
    let over = || async { sqlx::query_scalar::<_, bool>(is_over).fetch_one(&mut db.connect().await).await.unwrap() };
    until("a run", over).await;
    assert_eq!((people(&mesh).await, issuer.accounts().pages_served()), (150, 2), "once");
    // Not before it is due; then again, by whoever is there.
    issuer.accounts().put(Person::named("late"));
    mesh.stop_one("user").await;
    let hour = "select abs(extract(epoch from due_at - crewup.now()) - 3600) < 60 from account_sync";
    assert!(sqlx::query_scalar::<_, bool>(hour).fetch_one(&mut mesh.db.connect().await).await.unwrap(), "every hour");
    mesh.db.advance(chrono::Duration::hours(1)).await;
    until("the next run", || async { people(&mesh).await == 151 }).await;
}

#[tokio::test]
async fn x7_one_that_ended_badly_is_tried_again_and_one_that_died_is_taken_over() {
    let issuer: &'static Issuer = Box::leak(Box::new(Issuer::start(Config::development()).await.unwrap()));
    issuer.accounts().put(Person::named("ann"));
    issuer.accounts().set_away(true);
    let mesh = Mesh::with(cluster::database().await, issuer, &SETTINGS).await;
    let mut db = mesh.db.connect().await;
    let put_off =
        "select coalesce(due_at <= crewup.now() and leased_until > crewup.now() + interval '4 minutes', false)
         from account_sync";
    until("a failure", || async {
        sqlx::query_scalar::<_, bool>(put_off).fetch_one(&mut mesh.db.connect().await).await.unwrap()
    })
    .await;
    assert_eq!(people(&mesh).await, 0);
    issuer.accounts().set_away(false);
    // As a process leaves it that was killed in the middle.
    sqlx::query("update account_sync set leased_until = crewup.now() + interval '2 minutes'")
        .execute(&mut db)
        .await
        .unwrap();
    // As long as there is certainly a look in it.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(people(&mesh).await, 0, "somebody may be at it");
    mesh.db.advance(chrono::Duration::minutes(2)).await;
    until("the run", || async { people(&mesh).await == 1 }).await;
}
