//! The moderation service, by its contract.

mod appeals;
mod bans;
mod describe;
mod erased;
mod history;
mod log;
mod queue;
mod races;
mod reports;
mod standing;

use crewup_issuer::Person;
use crewup_tests::{Mesh, Persona};

/// A moderator, whose role the user service has seen.
pub(crate) async fn moderator(mesh: &Mesh, name: &str) -> Persona {
    with_role(mesh, name, "moderator").await
}

/// Somebody with a role that the user service has seen.
pub(crate) async fn with_role(mesh: &Mesh, name: &str, role: &str) -> Persona {
    let person = mesh.person_as(&Person::named(name).with_roles([role]));
    person.id().await;
    person
}

/// `count` moderators.
pub(crate) async fn moderators(mesh: &Mesh, count: usize) -> Vec<Persona> {
    let mut all = Vec::new();
    for number in 0..count {
        all.push(moderator(mesh, &format!("moderator-{number}")).await);
    }
    all
}

/// Tells the moderation service of a person's standing, as the user service will in the transaction of the erasure.
pub(crate) async fn tell(mesh: &Mesh, user: &str) {
    sqlx::query(
        "with told as (
             insert into outbox (topic, key, created_at) values ('user.standing', $1::uuid, crewup.now()) returning id, topic, key)
         insert into outbox_claims (outbox_id, consumer, topic, key, due_at)
         select id, 'moderation', topic, key, crewup.now() from told",
    )
    .bind(user)
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
}

/// A number that a query answers.
pub(crate) async fn number(mesh: &Mesh, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

/// How many sessions on the test's database wait for a lock.
pub(crate) async fn waiting(mesh: &Mesh) -> i64 {
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(&mut mesh.db.connect().await).await.unwrap();
    sqlx::query_scalar("select count(*) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'")
        .bind(name)
        .fetch_one(&mut crewup_tests::cluster::superuser().await)
        .await
        .unwrap()
}

/// From here on what is written to reports stays in the middle of it, until the session that did this lets go by
/// `pg_advisory_unlock(4242)`.
pub(crate) const HOLD: [&str; 4] = [
    "create function hold() returns trigger language plpgsql as $$
     begin
         perform pg_advisory_xact_lock_shared(4242);
         return new;
     end $$",
    "grant execute on function hold() to public",
    "create trigger hold before insert or update of state on reports for each row execute function hold()",
    "select pg_advisory_lock(4242)",
];
