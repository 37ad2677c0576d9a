//! Creating once (X1): the key is inserted before the object, so that a concurrent twin waits for the first call's
//! commit and then answers what that one made.

use std::collections::HashSet;

use prost::{Message, Name};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::{Error, ErrorReason, Result},
    id::UserId,
};

/// Whether a creating call is the first of its request id.
#[derive(Debug, PartialEq, Eq)]
pub enum Once {
    /// It is: make the object.
    First,
    /// It is a replay: answer the object that was made then, with today's rights.
    Replay(Uuid),
}

/// A key that a call would take, and the object that it would make.
pub(crate) struct Making {
    caller: UserId,
    method: &'static str,
    request_id: Uuid,
    hash: Vec<u8>,
    made: Uuid,
}

impl Making {
    pub(crate) fn new<R: Message + Name>(
        caller: UserId,
        method: &'static str,
        request_id: Uuid,
        request: &R,
        made: Uuid,
    ) -> Self {
        Self { caller, method, request_id, hash: hash(request), made }
    }
}

fn hash<R: Message>(request: &R) -> Vec<u8> {
    Sha256::digest(request.encode_to_vec()).to_vec()
}

/// Takes those of the keys that nobody has taken; answers what may be made. Of a key that was taken the call is a replay,
/// which [`once`] answers.
pub(crate) async fn first_of(db: &mut PgConnection, making: Vec<Making>) -> Result<HashSet<Uuid>> {
    let callers: Vec<Uuid> = making.iter().map(|each| each.caller.0).collect();
    let methods: Vec<String> = making.iter().map(|each| each.method.to_owned()).collect();
    let request_ids: Vec<Uuid> = making.iter().map(|each| each.request_id).collect();
    let made: Vec<Uuid> = making.iter().map(|each| each.made).collect();
    let hashes: Vec<Vec<u8>> = making.into_iter().map(|each| each.hash).collect();
    let first = sqlx::query_scalar!(
        r#"insert into idempotency (caller_id, method, request_id, request_hash, result_id, created_at)
           select caller, method, request_id, hash, made, crewup.now()
           from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[], $5::uuid[])
               as n (caller, method, request_id, hash, made)
           on conflict do nothing
           returning result_id as "result_id!""#,
        &callers,
        &methods,
        &request_ids,
        &hashes,
        &made,
    )
    .fetch_all(db)
    .await?;
    Ok(first.into_iter().collect())
}

/// Takes the key (caller, method, request id) for the object `made`, or finds what the first call made. The
/// transaction's end decides: a failed call leaves no key.
pub async fn once<R: Message + Name>(
    db: &mut PgConnection,
    caller: UserId,
    method: &str,
    request_id: Uuid,
    request: &R,
    made: Uuid,
) -> Result<Once> {
    let hash = &hash(request)[..];
    let taken = sqlx::query!(
        "insert into idempotency (caller_id, method, request_id, request_hash, result_id, created_at)
         values ($1, $2, $3, $4, $5, crewup.now())
         on conflict do nothing",
        caller.0,
        method,
        request_id,
        hash,
        made,
    )
    .execute(&mut *db)
    .await?
    .rows_affected()
        == 1;
    if taken {
        return Ok(Once::First);
    }
    let first = sqlx::query!(
        "select request_hash, result_id from idempotency where caller_id = $1 and method = $2 and request_id = $3",
        caller.0,
        method,
        request_id,
    )
    .fetch_optional(db)
    .await?;
    match first {
        Some(first) if first.request_hash == hash => {
            first.result_id.map(Once::Replay).ok_or_else(|| Error::internal("an idempotency key without a result"))
        }
        Some(_) => Err(ErrorReason::RequestIdReused.into()),
        None => Err(ErrorReason::Conflict.into()),
    }
}

/// The call led to another object than [`once`] was told.
pub async fn correct(db: &mut PgConnection, caller: UserId, method: &str, request_id: Uuid, made: Uuid) -> Result<()> {
    sqlx::query!(
        "update idempotency set result_id = $4 where caller_id = $1 and method = $2 and request_id = $3",
        caller.0,
        method,
        request_id,
        made,
    )
    .execute(db)
    .await?;
    Ok(())
}
