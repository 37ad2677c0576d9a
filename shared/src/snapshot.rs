//! Streams of rows from one snapshot of the whole database (U7): a read-only transaction and a cursor in it, read bite by bite
//! as the client takes them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crewup_proto::call::Call;
use futures_util::{StreamExt as _, stream};
use sqlx::Executor as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Request, Response, Status};

use crate::{
    app::App,
    clock,
    db::{Db, Lease},
    error::{Error, ErrorReason, Result},
    id::UserId,
    live::Streamed,
    standing,
};

/// At once in a process: each holds a connection for as long as its client reads.
const AT_ONCE: usize = 2;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(300);

/// A row of a snapshot: the table that it is from, and its columns as a JSON object.
#[derive(sqlx::FromRow)]
pub struct SnapshotRow {
    /// Such as `messages`.
    pub table_name: String,
    /// Column to value.
    pub row_json: String,
}

/// The few snapshots that may be read at once.
#[derive(Clone)]
pub(crate) struct Snapshots(Arc<Semaphore>);

impl Snapshots {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    fn one(&self) -> Result<OwnedSemaphorePermit> {
        let full = |_| Error::from(ErrorReason::Overloaded).retry_after(Duration::from_secs(10));
        Arc::clone(&self.0).try_acquire_owned().map_err(full)
    }
}

struct Reading {
    lease: Lease,
    read: VecDeque<SnapshotRow>,
    ends: std::time::Instant,
    _permit: OwnedSemaphorePermit,
}

impl App {
    /// Streams the rows of `query`: it declares the cursor `snapshot` for the columns of [`SnapshotRow`], with the caller's
    /// id as `$1`.
    pub async fn snapshot<Req, T: Send + 'static>(
        &self,
        request: Request<Req>,
        query: &'static str,
        item: fn(SnapshotRow) -> T,
    ) -> std::result::Result<Response<Streamed<T>>, Status> {
        let opened = async {
            let (context, person, _) = self.identify(request).await?;
            let permit = self.snapshots().one()?;
            open(self.db(), person, context.call, query, permit).await
        };
        let reading = opened.await.map_err(Error::into_status)?;
        let rows = stream::try_unfold(reading, move |mut reading| async move {
            match reading.next().await {
                Ok(Some(row)) => Ok(Some((item(row), reading))),
                Ok(None) => {
                    // Nothing was written, so that there is nothing to commit.
                    if reading.lease.execute("rollback").await.is_ok() {
                        reading.lease.back();
                    }
                    Ok(None)
                }
                Err(error) => Err(error.into_status()),
            }
        });
        Ok(Response::new(rows.boxed()))
    }
}

async fn open(
    db: &Db,
    person: UserId,
    call: &Call,
    query: &'static str,
    permit: OwnedSemaphorePermit,
) -> Result<Reading> {
    let mut lease = db.lease().await?;
    lease.execute("begin isolation level repeatable read read only").await?;
    // A client may take its time between two bites.
    lease.execute("set local idle_in_transaction_session_timeout = '60s'").await?;
    let state = sqlx::query_scalar!("select crewup.user_state($1)", person.0).fetch_one(&mut *lease).await?;
    standing::admit(standing::parse(state.as_deref().unwrap_or("erased"))?, call)?;
    // Not checked when it is compiled: the macros cannot describe a cursor.
    sqlx::query(query).bind(person.0).execute(&mut *lease).await?;
    Ok(Reading { lease, read: VecDeque::new(), ends: clock::instant() + LONGEST, _permit: permit })
}

impl Reading {
    async fn next(&mut self) -> Result<Option<SnapshotRow>> {
        if self.read.is_empty() {
            if clock::instant() > self.ends {
                return Err(ErrorReason::DeadlineExceeded.into());
            }
            let bite: Vec<SnapshotRow> = sqlx::query_as("fetch 200 from snapshot").fetch_all(&mut *self.lease).await?;
            self.read = bite.into();
        }
        Ok(self.read.pop_front())
    }
}
