//! Accounts at the identity provider (ADR 23), at a small Admin API of the development issuer. What the real one answers is
//! shown by tests/keycloak.

mod gone;
mod orders;
mod sync;
mod timed;

use crewup_issuer::{Config, Issuer, Person};
use crewup_proto::user::{SyncUsersRequest, SyncUsersResponse};
use crewup_tests::{Mesh, Persona, cluster, refusal::Refusal};
use sqlx::AssertSqlSafe;

/// The services with an issuer and an Admin API of their own. They synchronise only when they are told to.
pub(crate) async fn city() -> (Mesh, &'static Issuer) {
    city_with(&[]).await
}

/// As [`city`], with more settings.
pub(crate) async fn city_with(settings: &[&str]) -> (Mesh, &'static Issuer) {
    let issuer: &'static Issuer = Box::leak(Box::new(Issuer::start(Config::development()).await.unwrap()));
    let db = cluster::database().await;
    sqlx::query("update account_sync set due_at = crewup.now() + interval '10 years'")
        .execute(&mut db.connect().await)
        .await
        .unwrap();
    let settings: Vec<_> = ["--admin-client-secret", "crewup_dev_secret"].iter().chain(settings).copied().collect();
    (Mesh::with(db, issuer, &settings).await, issuer)
}

/// A synchronisation to its end, asked for by a moderator.
pub(super) async fn sync(mesh: &Mesh) -> SyncUsersResponse {
    try_sync(mesh, SyncUsersRequest::default()).await.unwrap()
}

/// The last thing that a synchronisation said.
pub(super) async fn try_sync(mesh: &Mesh, request: SyncUsersRequest) -> Result<SyncUsersResponse, Refusal> {
    let failed = |status: tonic::Status| Refusal::of(&status);
    let mut stream = moderator(mesh).users().sync_users(request).await.map_err(failed)?.into_inner();
    let mut last = None;
    while let Some(message) = stream.message().await.map_err(failed)? {
        last = Some(message);
    }
    Ok(last.expect("it says how far it is"))
}

/// What a run did: read, created, updated, disabled, gone.
pub(super) fn counts(done: &SyncUsersResponse) -> (i32, i32, i32, i32, i32) {
    (done.read_count, done.created_count, done.updated_count, done.disabled_count, done.gone_count)
}

/// Has an account, too, so that no run finds it gone.
pub(super) fn moderator(mesh: &Mesh) -> Persona {
    let person = Person::named("mod");
    if mesh.issuer().accounts().get(person.sub()).is_none() {
        mesh.issuer().accounts().put(person.clone());
    }
    mesh.person_as(&person)
}

/// One value of the profile of an account, as text.
pub(super) async fn of_profile(mesh: &Mesh, person: &Person, what: &str) -> Option<String> {
    let sql = format!("select ({what})::text from users u where keycloak_id = $1");
    let row = sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql)).bind(person.sub());
    row.fetch_optional(&mut mesh.db.connect().await).await.unwrap().flatten()
}

/// Waits for what comes by itself; fails if it does not.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
