//! An open transaction: who was entered, what it will tell, whom it will wake.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use crewup_proto::call::Standing;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};
use uuid::Uuid;

use crate::{
    db::{Db, Lease},
    error::{Error, ErrorReason, Result},
    figures::{Figure, Noted},
    id::UserId,
    outbox::{self, Emitted, Topic},
    standing,
};

/// An open transaction that has entered some people.
pub struct Tx {
    lease: Lease,
    /// `crewup.now()`.
    pub now: DateTime<Utc>,
    standings: HashMap<UserId, Standing>,
    emitted: Vec<Emitted>,
    touched: Vec<Uuid>,
    noted: Vec<Noted>,
}

impl Tx {
    /// Begins, and enters `people`: takes their locks in id order, then reads their standing (X6). Nobody is entered by
    /// timed work and by reactions, which learn from what they claim whom they act on. Handlers never begin; [`super::Accounts`]
    /// does, which comes before any call is a person's. One round trip (ADR 27).
    pub async fn begin(db: &Db, people: &[Uuid]) -> Result<Self> {
        Self::begin_by(db, begun_and_entered(people)).await
    }

    /// As [`Tx::begin`], without waiting for anybody: enters those of `people` whom no other transaction has entered. The others
    /// have no standing here. Plans are kept: PostgreSQL would make one for each number of rows that are given at once.
    pub(crate) async fn begin_free(db: &Db, people: &[Uuid]) -> Result<Self> {
        let people = listed(people);
        let sql = format!(
            "begin; set local plan_cache_mode = force_generic_plan; \
             select entered_at, user_id, state from crewup.enter_free('{{{people}}}'::uuid[])"
        );
        Self::begin_by(db, sql).await
    }

    async fn begin_by(db: &Db, sql: String) -> Result<Self> {
        let mut lease = db.lease().await?;
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *lease).await?;
        let mut tx = Self {
            lease,
            now: DateTime::UNIX_EPOCH,
            standings: HashMap::new(),
            emitted: Vec::new(),
            touched: Vec::new(),
            noted: Vec::new(),
        };
        for row in rows {
            tx.now = row.try_get("entered_at")?;
            if let Some(person) = row.try_get::<Option<Uuid>, _>("user_id")? {
                tx.standings.insert(UserId(person), standing::parse(row.try_get("state")?)?);
            }
        }
        Ok(tx)
    }

    /// Enters one person; for reactions, which learn whom they act on from the claim that they hold.
    pub async fn enter_person(&mut self, person: UserId) -> Result<()> {
        let entered = sqlx::query!(
            r#"select entered_at as "entered_at!", state as "state!" from crewup.enter($1, '{}')"#,
            person.0
        )
        .fetch_optional(&mut *self.lease)
        .await?;
        if let Some(entered) = entered {
            self.now = entered.entered_at;
            self.standings.insert(person, standing::parse(&entered.state)?);
        }
        Ok(())
    }

    /// The connection, for store functions.
    pub fn db(&mut self) -> &mut PgConnection {
        &mut self.lease
    }

    /// The standing of a person who was entered. None: there is no such person.
    pub fn standing(&self, user: UserId) -> Option<Standing> {
        self.standings.get(&user).copied()
    }

    /// Tells the other services, at commit, that something happened to `key` (X8).
    pub fn emit(&mut self, topic: Topic, key: impl Into<Uuid>, subject: Option<Uuid>) {
        self.emitted.push(Emitted { topic, key: key.into(), subject });
    }

    /// Wakes, after the commit, who watches a thing of which no other service is told. What is emitted wakes by itself.
    pub fn touch(&mut self, key: impl Into<Uuid>) {
        self.touched.push(key.into());
    }

    /// Counts one of `kind`, after the commit.
    pub fn count(&mut self, figure: &'static Figure, kind: &'static str) {
        self.noted.push(Noted::One(figure, kind));
    }

    /// Counts how long something took, after the commit.
    pub fn took(&mut self, figure: &'static Figure, time: Duration) {
        self.noted.push(Noted::Took(figure, time));
    }

    /// Writes what was emitted, commits, and wakes the workers and who watches.
    pub async fn commit(mut self, wake: &outbox::Wake) -> Result<()> {
        let done = if self.emitted.is_empty() {
            self.lease.execute("commit").await
        } else {
            self.lease.execute(AssertSqlSafe(outbox::told_and_committed(&self.emitted))).await
        };
        if let Err(error) = done {
            self.lease.close();
            let unknown = matches!(error, sqlx::Error::Io(_));
            let error = Error::from(error);
            // Whether it was committed is not known: the caller's request id finds out, a second run would not.
            return Err(if unknown { Error::from(ErrorReason::DependencyUnavailable).because(error) } else { error });
        }
        self.lease.back();
        wake.committed(&self.emitted, &self.touched);
        self.noted.iter().for_each(Noted::record);
        Ok(())
    }
}

/// Begins and enters: text without parameters, of ids alone, for two statements with parameters are two round trips.
fn begun_and_entered(people: &[Uuid]) -> String {
    let Some((first, others)) = people.split_first() else {
        return "begin; select crewup.now() as entered_at, null::uuid as user_id, null::text as state".to_owned();
    };
    format!(
        "begin; select entered_at, user_id, state from crewup.enter('{first}'::uuid, '{{{}}}'::uuid[])",
        listed(others)
    )
}

fn listed(people: &[Uuid]) -> String {
    people.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
}
