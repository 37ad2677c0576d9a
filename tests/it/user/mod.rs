//! The user service, by its contract.

mod account;
pub(crate) mod accounts;
mod blocks;
mod erase;
mod export;
mod lists;
mod people;
mod profile;
mod races;
mod ratings;
mod standing;
mod vanishing;

use chrono::Duration;
use crewup_issuer::Person;
use crewup_proto::user::{DeactivateMeRequest, EraseMeRequest, ReactivateMeRequest};
use crewup_tests::{Mesh, Persona, persona::party};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// `count` people who were all at one event that is over since an hour.
pub(crate) async fn met(mesh: &Mesh, count: usize) -> (Vec<Persona>, String) {
    let people = mesh.crowd(count).await;
    let event = people[0].create(party(None)).await.unwrap().id;
    for person in &people[1..] {
        person.go(&event).await.unwrap();
    }
    mesh.db.advance(Duration::days(7) + Duration::hours(7)).await;
    (people, event)
}

/// The ids of people, in their order.
pub(crate) async fn ids(people: &[Persona]) -> Vec<String> {
    let mut ids = Vec::new();
    for person in people {
        ids.push(person.id().await);
    }
    ids
}

/// An id that nothing has.
pub(crate) fn absent() -> String {
    Uuid::now_v7().to_string()
}

/// A token that was issued `seconds` ago.
pub(crate) fn issued(person: Person, seconds: i64) -> Person {
    let now = i64::try_from(crewup_shared::clock::unix_seconds()).unwrap();
    person.with_issued_at(now - seconds)
}

/// The person's id by a write: a read would be remembered for a second (X6), and with it the standing.
pub(crate) async fn enrolled(person: &Persona) -> String {
    let id = person.users().reactivate_me(ReactivateMeRequest {}).await.unwrap().into_inner().profile.unwrap().id;
    person.remember_id(&id);
    id
}

/// Puts the person's profile aside.
pub(crate) async fn deactivate(person: &Persona) {
    person.users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
}

/// A ban without an end.
pub(crate) async fn ban(mesh: &Mesh, user: &str) {
    let user: Uuid = user.parse().unwrap();
    crate::people::ban(&mut mesh.db.connect().await, Uuid::now_v7(), user, user).await;
}

/// Erases the person's profile for good (U8).
pub(crate) async fn erase(person: &Persona, own_id: &str) {
    person.users().erase_me(EraseMeRequest { user_id: own_id.into() }).await.unwrap();
}

/// Stops the clock: at an event's effective end, and `past` it, such as `14 days - 1 microsecond`. For edges.
pub(crate) async fn stop_clock(mesh: &Mesh, event: &str, past: &str) {
    let mut db = mesh.db.connect().await;
    let at: String = sqlx::query_scalar(
        "select (crewup.effective_end(event_start, event_end) + $2::interval)::text from events where id = $1::uuid",
    )
    .bind(event)
    .bind(past)
    .fetch_one(&mut db)
    .await
    .unwrap();
    let clock = format!(
        "create or replace function crewup.now() returns timestamptz language sql stable
         as $$ select timestamptz '{at}' $$"
    );
    sqlx::query(AssertSqlSafe(clock)).execute(&mut db).await.unwrap();
}
