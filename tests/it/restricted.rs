//! X6, M3: how a service knows without asking that its callers are free to read.

use std::time::Duration;

use crewup_proto::event::GetEventRequest;
use crewup_tests::{Mesh, cluster, persona::party, refusal::reason};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{
    moderation::with_role,
    people::{ban, id, users},
    trips::Counted,
};

/// Of the server that is there.
async fn restricted_since(conn: &mut PgConnection, since: i64) -> (i64, Vec<Uuid>) {
    let sql = "select next, people from crewup.restricted_since($1, pg_postmaster_start_time())";
    sqlx::query_as(sql).bind(since).fetch_one(conn).await.unwrap()
}

#[tokio::test]
async fn x6_who_was_restricted_by_a_transaction_that_was_open_at_the_last_look_is_told_at_the_next() {
    let db = cluster::database().await;
    let mut owner = db.connect().await;
    users(&mut owner, 0..5).await;
    let mut service = db.connect_as("event").await;
    let (from, nobody) = restricted_since(&mut service, 0).await;
    assert!(nobody.is_empty());

    let mut slow = db.connect().await;
    let mut open = slow.begin().await.unwrap();
    ban(&mut open, id(100), id(1), id(0)).await;
    // Begun later, committed earlier.
    ban(&mut owner, id(101), id(2), id(0)).await;
    let (from, first) = restricted_since(&mut service, from).await;
    assert_eq!(first, [id(2)], "what is not committed is not told");
    open.commit().await.unwrap();
    let (from, second) = restricted_since(&mut service, from).await;
    assert!(second.contains(&id(1)), "the ban that was open is told now");

    // And not for ever: until no transaction is open that is as old, of any database of the cluster.
    let mut from = from;
    loop {
        let (next, again) = restricted_since(&mut service, from).await;
        from = next;
        if again.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    for (person, sql) in [
        (3, "update users set is_active = false where id = $1"),
        (4, "update users set erased_at = now() where id = $1"),
    ] {
        sqlx::query(sql).bind(id(person)).execute(&mut owner).await.unwrap();
        assert!(restricted_since(&mut service, from).await.1.contains(&id(person)), "{sql}");
    }
    let mut all = restricted_since(&mut service, 0).await.1;
    all.sort();
    assert_eq!(all, [1, 2, 3, 4].map(id));
    // A number that no transaction has reached, as after a failover that lost the last of them.
    for server in ["null", "pg_postmaster_start_time() - interval '1 second'"] {
        let sql = format!("select people from crewup.restricted_since(9000000000, {server})");
        let told: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut service).await.unwrap();
        assert_eq!(told.len(), 4, "{server}: who does not know this server is told of all");
    }
    sqlx::query("update users set is_active = true where id = $1").bind(id(3)).execute(&mut owner).await.unwrap();
    assert!(!restricted_since(&mut service, 0).await.1.contains(&id(3)), "who is free again is not among them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_a_read_after_a_pause_is_one_round_trip_too() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let event_id = host.create(party(None)).await.unwrap().id;
    let events = Counted::start(&mesh, "event").await;
    let get = events.fewest_after(
        // Longer than any standing is remembered.
        async |_| tokio::time::sleep(Duration::from_millis(1_100)).await,
        |_| async {
            host.events_at(events.process.addr)
                .get_event(GetEventRequest { event_id: event_id.clone() })
                .await
                .unwrap();
        },
    );
    assert_eq!(get.await, 1);
}

#[tokio::test]
async fn m3_a_ban_holds_also_while_a_service_cannot_read_who_is_restricted() {
    let mesh = Mesh::start().await;
    let chief = with_role(&mesh, "chief", "admin").await;
    let (guest, other) = (mesh.person("guest"), mesh.person("other"));
    let event = other.create(party(None)).await.unwrap().id;
    guest.get(&event).await.unwrap();
    let mut owner = mesh.db.connect().await;
    owner
        .execute("revoke execute on function crewup.restricted_since(bigint, timestamptz) from crewup_event")
        .await
        .unwrap();
    chief.ban(&guest.id().await).await.unwrap();
    assert_eq!(reason(guest.get(&event).await), "USER_BANNED");
    other.get(&event).await.unwrap();
}
