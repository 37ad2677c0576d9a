//! Whether a service is ready, and the plain port that says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    auth::Verifier,
    db::Db,
    error::{ErrorReason, Result},
    server::{Stop, until},
};

/// The highest migration that the queries of this crate need, which every service makes.
const SCHEMA: i64 = 24;
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks every second whether the database has the migration `needed` and whether tokens can be verified, and says so by the
/// health service. Readiness is not liveness: a process whose database is away serves nobody, and is not to be killed for it.
pub(crate) async fn watch(
    needed: i64,
    db: Db,
    verifier: Arc<Verifier>,
    health: HealthReporter,
    ready: Arc<AtomicBool>,
    mut stop: Stop,
) {
    let needed = needed.max(SCHEMA);
    while !*stop.borrow() {
        let there = match schema_is_there(&db, needed).await {
            Ok(there) => there,
            // Busy is not broken: handing the load to the next replica would take that one down, too.
            Err(error) if error.reason() == ErrorReason::Overloaded => ready.load(Ordering::Relaxed),
            Err(_) => false,
        };
        let now = verifier.ready().await && there;
        if now != ready.swap(now, Ordering::Relaxed) {
            tracing::info!(ready = now, "readiness changed");
        }
        let status = if now { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.set_service_status("", status).await;
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = stop.changed() => {}
        }
    }
    ready.store(false, Ordering::Relaxed);
    health.set_service_status("", ServingStatus::NotServing).await;
}

/// Whether the database has at least the migrations that the queries need (later ones do no harm, X12), and is the primary: a
/// standby answers, too, and may be behind.
async fn schema_is_there(db: &Db, needed: i64) -> Result<bool> {
    let mut lease = db.lease().await?;
    let found = sqlx::query!(
        r#"select max(version) as "version!", current_setting('transaction_read_only') = 'on' as "reads_only!"
           from _sqlx_migrations"#
    )
    .fetch_one(&mut *lease)
    .await;
    if matches!(&found, Err(sqlx::Error::Io(_))) || matches!(&found, Ok(found) if found.reads_only) {
        lease.close();
        db.forget();
        return Ok(false);
    }
    lease.back();
    Ok(found?.version >= needed)
}

/// Says whether the process is alive and ready, and its figures.
pub(crate) async fn plain_port(
    listener: TcpListener,
    ready: Arc<AtomicBool>,
    registry: prometheus::Registry,
    stop: Stop,
) {
    let readyz = |State(ready): State<Arc<AtomicBool>>| async move {
        if ready.load(Ordering::Relaxed) {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    };
    let metrics = || async move {
        prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
    };
    let router = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ready);
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until(stop)).await {
        tracing::error!(%error, "the plain port ended");
    }
}
