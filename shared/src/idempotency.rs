//! Creating once (X1): the key is inserted before the object, so that a concurrent twin waits for the first call's
//! commit and then answers what that one made.

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
    let hash = Sha256::digest(request.encode_to_vec());
    let hash = &hash[..];
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
