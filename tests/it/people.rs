//! Rows that the tests of the schema need, without any service.

use sqlx::PgConnection;
use uuid::Uuid;

/// The id of test person number `n`: ids are in the order of numbers.
pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n)
}

/// People with the ids of `numbers`.
pub(crate) async fn users(conn: &mut PgConnection, numbers: std::ops::Range<u128>) {
    for n in numbers {
        sqlx::query(
            "insert into users (id, keycloak_id, email, first_name, last_name)
             values ($1, $2, $2 || '@example.org', 'First', 'Last')",
        )
        .bind(id(n))
        .bind(format!("subject-{n}"))
        .execute(&mut *conn)
        .await
        .unwrap();
    }
}

/// An event of `creator`, tomorrow.
pub(crate) async fn event(conn: &mut PgConnection, event: Uuid, creator: Uuid) {
    sqlx::query(
        "insert into events (id, creator_id, name, event_type, address, event_start)
         values ($1, $2, 'Event', 'bar', 'Street 1', crewup.now() + interval '1 day')",
    )
    .bind(event)
    .bind(creator)
    .execute(conn)
    .await
    .unwrap();
}

/// An open ban without an end.
pub(crate) async fn ban(conn: &mut PgConnection, ban: Uuid, person: Uuid, by: Uuid) {
    sqlx::query(
        "insert into bans (id, root_id, user_id, violation, reason, created_by, created_at)
         values ($1, $1, $2, 'spam', 'reasons enough', $3, crewup.now())",
    )
    .bind(ban)
    .bind(person)
    .bind(by)
    .execute(conn)
    .await
    .unwrap();
}

/// Returns when the session `pid` waits for a lock; panics if it does not come to that.
pub(crate) async fn until_waiting(conn: &mut PgConnection, pid: i32) {
    let sql = "select exists (select from pg_locks where pid = $1 and not granted)";
    let poll = async {
        while !sqlx::query_scalar::<_, bool>(sql).bind(pid).fetch_one(&mut *conn).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), poll).await.expect("the session waits for a lock");
}
