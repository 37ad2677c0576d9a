//! Everything that the system holds on a person (U7).

use std::collections::BTreeSet;

use crewup_proto::user::{ExportMeRequest, ExportMeResponse};
use crewup_tests::{
    Mesh, Persona, cluster,
    persona::party,
    refusal::{Refusal, reason},
};
use tonic::Status;

use super::{ban, enrolled, erase, ids, met};

async fn export(person: &Persona) -> Result<Vec<ExportMeResponse>, Status> {
    let mut stream = person.users().export_me(ExportMeRequest {}).await?.into_inner();
    let mut rows = Vec::new();
    while let Some(row) = stream.message().await? {
        rows.push(row);
    }
    Ok(rows)
}

/// By the catalog, so that a table of tomorrow is in it: every table with a key to people is in the export.
#[tokio::test]
async fn u7_every_table_that_knows_a_person_is_in_the_export() {
    let db = cluster::database().await;
    let mut conn = db.connect().await;
    let known: Vec<String> = sqlx::query_scalar(
        "select distinct c.conrelid::regclass::text from pg_constraint c
         where c.contype = 'f' and c.confrelid = 'users'::regclass",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let exports: String = sqlx::query_scalar(
        "select string_agg(p.prosrc, ' ') from pg_proc p
         where p.pronamespace = 'crewup'::regnamespace and p.proname like 'api_export_%'",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(known.len() > 20, "{known:?}");
    let missing: Vec<_> = known.iter().filter(|table| !exports.contains(&format!("'{table}'"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn u7_an_export_holds_what_is_the_persons_and_nothing_that_is_anothers() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    people[0].rate(&ids[1], &event, 5).await.unwrap();
    people[1].rate(&ids[0], &event, 4).await.unwrap();
    people[1].rate(&ids[2], &event, 3).await.unwrap();
    people[2].block(&ids[0]).await.unwrap();
    let rows = export(&people[0]).await.unwrap();
    let tables: BTreeSet<_> = rows.iter().map(|row| row.table.as_str()).collect();
    for table in ["users", "events", "event_attendees", "ratings", "idempotency"] {
        assert!(tables.contains(table), "{tables:?}");
    }
    assert!(!tables.contains("user_blocks"), "who blocked the person stays hidden (U5)");
    assert_eq!(rows.iter().filter(|row| row.table == "ratings").count(), 2, "given and received");
    for row in &rows {
        let value: serde_json::Value = serde_json::from_str(&row.row_json).unwrap();
        assert!(value.is_object(), "{row:?}");
        assert!(!row.row_json.contains("token_hash") && !row.row_json.contains("person-1@"), "{row:?}");
    }
}

#[tokio::test]
async fn u7_an_export_is_one_snapshot_however_long_its_reading_takes() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    for _ in 0..3 {
        host.create(party(None)).await.unwrap();
    }
    let mut stream = host.users().export_me(ExportMeRequest {}).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.table, "users");
    host.create(party(None)).await.unwrap();
    let mut events = 0;
    while let Some(row) = stream.message().await.unwrap() {
        events += usize::from(row.table == "events");
    }
    assert_eq!(events, 3);
}

#[tokio::test]
async fn u7_a_banned_person_exports_and_an_erased_one_has_nothing_left_to() {
    let mesh = Mesh::start().await;
    let (banned, erased) = (mesh.person("banned"), mesh.person("erased"));
    let (banned_id, erased_id) = (enrolled(&banned).await, enrolled(&erased).await);
    ban(&mesh, &banned_id).await;
    erase(&erased, &erased_id).await;
    let rows = export(&banned).await.unwrap();
    let ban = rows.iter().find(|row| row.table == "bans").unwrap();
    assert!(ban.row_json.contains("reasons enough") && !ban.row_json.contains("created_by"));
    assert_eq!(reason(export(&erased).await), "USER_ERASED");
}

#[tokio::test]
async fn x5_more_exports_than_a_process_takes_are_told_when_to_come_again_and_an_abandoned_one_makes_room() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let id = host.id().await;
    // More than the windows of a connection hold, so that an export which nobody reads stays open.
    sqlx::query(
        "insert into idempotency (caller_id, method, request_id, request_hash, created_at)
         select $1::uuid, 'test', gen_random_uuid(), '', now() from generate_series(1, 20000)",
    )
    .bind(&id)
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
    let open = || async { host.users().export_me(ExportMeRequest {}).await.map(tonic::Response::into_inner) };
    let (first, second) = (open().await.unwrap(), open().await.unwrap());
    let refusal = Refusal::of(&open().await.unwrap_err());
    assert_eq!(refusal.reason, "OVERLOADED");
    drop((first, second));
    let again = async {
        while open().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.expect("there is room again");
}
