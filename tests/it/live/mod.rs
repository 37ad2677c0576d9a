//! Live streams, by their contract.

mod alerts;
mod chat;
pub(crate) mod edge;
mod events;
mod freshness;
mod killed;
mod resumed;
mod rights;
mod rolling;
mod slow;

use crewup_tests::{Mesh, Persona, persona::crew};

use crate::group::going;

/// `count` members of one crew, the first its admin. Its timeline has `count` entries.
async fn members(mesh: &Mesh, count: usize) -> (Vec<Persona>, String) {
    let (people, event) = going(mesh, count).await;
    let made = people[0].form(crew(&event, 50)).await.unwrap().id;
    for person in &people[1..] {
        person.join(&made).await.unwrap();
    }
    (people, made)
}

/// Messages that are in the table, and of which nobody is told: as if the process that wrote them had died after its commit.
pub(crate) async fn untold(mesh: &Mesh, crew: &str, sender: &Persona, count: i64, content: &str) {
    sqlx::query(
        "with seats as (
             update group_seats set last_sequence = last_sequence + $3 where group_id = $1::uuid
             returning group_id, last_sequence - $3 as before
         )
         insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
         select gen_random_uuid(), s.group_id, $2::uuid, $4, s.before + n, crewup.now(), crewup.now()
         from seats s, generate_series(1, $3) n",
    )
    .bind(crew)
    .bind(sender.id().await)
    .bind(count)
    .bind(content)
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
}
