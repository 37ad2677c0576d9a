//! Whether the rows of a database keep the rules, whoever wrote them.
//!
//! Only what holds at every commit, whatever has happened since: not "waitlists are full" (E12 skips the banned), but
//! "nobody waits while there is a seat for them". Rows are named by their ids, never by what they say (X10).

mod rules;

use crate::{Failure, must_be_migrated};
use rules::Rule;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

/// Checks every rule in one snapshot; answers how many there are.
///
/// # Errors
/// [`Failure::Violated`] with the first rule that does not hold.
pub async fn check(conn: &mut PgConnection) -> Result<usize, Failure> {
    must_be_migrated(conn).await?;
    // Reads only: one snapshot for all rules, so that counters and rows are of the same moment.
    let mut tx = conn.begin_with("begin isolation level repeatable read, read only").await?;
    let mut number = 0;
    for Rule { id, says, violated_by } in rules::all() {
        let row: Option<String> = sqlx::query_scalar(violated_by).fetch_optional(&mut *tx).await?;
        if let Some(row) = row {
            return Err(Failure::Violated { rule: id, says, row });
        }
        number += 1;
    }
    tx.rollback().await?;
    Ok(number)
}
