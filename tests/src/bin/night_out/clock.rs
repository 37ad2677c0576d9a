//! The database's clock, which the story moves (E4).

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, Executor as _, PgConnection};

/// A connection to a database whose clock can be moved.
pub(crate) struct Clock(PgConnection);

impl Clock {
    /// Makes the clock movable, as the tests' template does.
    pub(crate) async fn of(url: &str) -> Self {
        let mut conn = PgConnection::connect(url).await.expect("the database answers");
        let there = "select to_regclass('crewup.test_clock') is not null";
        if !sqlx::query_scalar::<_, bool>(there).fetch_one(&mut conn).await.expect("a catalog") {
            conn.execute(crewup_tests::cluster::CLOCK).await.expect("the clock is the owner's");
        }
        Self(conn)
    }

    pub(crate) async fn now(&mut self) -> DateTime<Utc> {
        sqlx::query_scalar("select crewup.now()").fetch_one(&mut self.0).await.expect("a time")
    }

    pub(crate) async fn advance(&mut self, by: chrono::Duration) {
        let moved = sqlx::query("update crewup.test_clock set shift = shift + $1").bind(by).execute(&mut self.0).await;
        moved.expect("the clock moves");
    }
}
