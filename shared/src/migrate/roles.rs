//! The database roles of the services (X11). Roles belong to the cluster, so migrations assume that they exist.

use super::Failure;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The services, by the name that is in their roles, variables and packages.
pub const SERVICES: [&str; 5] = ["event", "group", "user", "safety", "moderation"];

/// How long a service may take over a statement, sit in an open transaction, and wait for a lock: a stuck caller
/// gives its locks back, and its peers fail quickly instead of queueing (X5).
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("idle_in_transaction_session_timeout", "10s"), ("lock_timeout", "5s")];

/// A service that logs in, and with what.
#[derive(Clone)]
pub struct Login {
    /// One of [`SERVICES`].
    pub service: &'static str,
    /// Never printed: this type has no `Debug`.
    pub password: String,
}

impl Login {
    /// The role that logs in as this service.
    #[must_use]
    pub fn role(&self) -> String {
        format!("crewup_{}_login", self.service)
    }
}

/// Creates the NOLOGIN roles that hold the grants, where they are missing. Idempotent, also when two do it at once.
///
/// # Errors
/// If the database refuses, for example because the role that migrates may not create roles.
pub async fn create_roles(conn: &mut PgConnection) -> Result<(), Failure> {
    for service in SERVICES {
        create(conn, &format!("crewup_{service}"), "nologin").await?;
    }
    Ok(())
}

/// Creates or updates the login of each service as a member of its role, with the limits: all or none. Idempotent,
/// also when two do it at once; a run with another password changes it.
///
/// # Errors
/// If the database refuses.
#[allow(clippy::disallowed_methods, reason = "the migration enters nobody: it is run by no person")]
pub async fn create_logins(conn: &mut PgConnection, logins: &[Login]) -> Result<(), Failure> {
    let mut tx = conn.begin().await?;
    // Two that alter one role at once are an error in PostgreSQL ("tuple concurrently updated"): one after the other.
    tx.execute("select pg_advisory_xact_lock(hashtextextended('crewup.roles', 0))").await?;
    create_roles(&mut tx).await?;
    for login in logins {
        let role = login.role();
        create(&mut tx, &role, "login").await?;
        // The server quotes: DDL takes no parameters.
        let alter: String = sqlx::query_scalar("select format('alter role %I login password %L', $1, $2)")
            .bind(&role)
            .bind(&login.password)
            .fetch_one(&mut *tx)
            .await?;
        tx.execute(AssertSqlSafe(alter)).await?;
        tx.execute(AssertSqlSafe(format!("grant crewup_{} to {role}", login.service))).await?;
        for (setting, value) in LIMITS {
            tx.execute(AssertSqlSafe(format!("alter role {role} set {setting} = '{value}'"))).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Two at once: the loser gets duplicate_object where it looks, unique_violation where it waited for the winner.
async fn create(conn: &mut PgConnection, role: &str, kind: &str) -> Result<(), Failure> {
    conn.execute(AssertSqlSafe(format!(
        "do $$ begin create role {role} {kind};
         exception when duplicate_object or unique_violation then null; end $$"
    )))
    .await?;
    Ok(())
}
