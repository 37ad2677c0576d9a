//! Timed work (X7).

use std::time::Duration;

use crewup_tests::Mesh;

use crate::process::Process;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x7_what_has_served_its_time_goes_on_any_number_of_replicas_and_the_lag_is_a_figure() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let mut db = mesh.db.connect().await;
    // Two bites and some, and as many that are not due yet.
    sqlx::query(
        "insert into idempotency (caller_id, method, request_id, request_hash, created_at)
         select uuid_generate_v4(), 'm', uuid_generate_v4(), 'h',
                crewup.now() - case when n % 2 = 0 then interval '49 hours' else interval '47 hours' end
         from generate_series(1, 24000) n",
    )
    .execute(&mut db)
    .await
    .unwrap();
    sqlx::query(
        "insert into outbox (topic, key, created_at)
         select 'event.changed', uuid_generate_v4(), crewup.now() - make_interval(hours => 24 * n) from generate_series(1, 4) n",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let replicas = [(); 3].map(|()| Process::start(&mesh, "event", &[]));
    let left = "select (select count(*) from idempotency), (select count(*) from outbox)";
    let done = async {
        while sqlx::query_as::<_, (i64, i64)>(left).fetch_one(&mut db).await.unwrap() != (12_000, 1) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), done).await.expect("it goes");
    for replica in &replicas {
        replica.ready().await;
        let figures = async {
            let url = format!("http://{}/metrics", replica.plain);
            let is_told =
                |line: &str| line.starts_with("crewup_job_lag_seconds{") && line.contains("work=\"housekeeping\"");
            while !reqwest::get(&url).await.unwrap().text().await.unwrap().lines().any(is_told) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), figures).await.expect("the lag is a figure");
    }
}
