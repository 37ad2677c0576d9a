//! Ways into private events (E20).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, InvitationId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// A row of `event_invitations`, without the hash.
pub(crate) struct Invitation {
    pub(crate) id: InvitationId,
    pub(crate) event_id: EventId,
    pub(crate) invitee_id: Option<UserId>,
    pub(crate) max_uses: Option<i32>,
    pub(crate) uses: i32,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

/// The order of the list, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) InvitationId);

/// Makes one: a link where there is a hash, else for the invitee.
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    new: &Invitation,
    creator: UserId,
    hash: Option<&[u8]>,
) -> Result<()> {
    sqlx::query!(
        "insert into event_invitations (id, event_id, created_by, token_hash, invitee_id, max_uses, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.0,
        new.event_id.0,
        creator.0,
        hash,
        new.invitee_id.map(|id| id.0),
        new.max_uses,
        new.expires_at,
        new.created_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: InvitationId) -> Result<Option<Invitation>> {
    let row = sqlx::query_as!(
        Invitation,
        r#"select id as "id: InvitationId", event_id as "event_id: EventId", invitee_id as "invitee_id: UserId", max_uses,
                  uses, expires_at, revoked_at, created_at
           from event_invitations where id = $1"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// An event's invitations, newest first.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, event: EventId, page: &Page<Key>) -> Result<Vec<Invitation>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Invitation,
        r#"select id as "id: InvitationId", event_id as "event_id: EventId", invitee_id as "invitee_id: UserId", max_uses,
                  uses, expires_at, revoked_at, created_at
           from event_invitations
           where event_id = $1
             and (created_at, id) < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by created_at desc, id desc
           limit $4"#,
        event.0,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

#[tracing::instrument(skip_all)]
pub(crate) async fn revoke(db: &mut PgConnection, id: InvitationId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update event_invitations set revoked_at = $2 where id = $1 and revoked_at is null", id.0, now)
        .execute(db)
        .await?;
    Ok(())
}

/// Gives a link another secret. False: somebody used it, or it is none or revoked.
#[tracing::instrument(skip_all)]
pub(crate) async fn renew(db: &mut PgConnection, id: InvitationId, hash: &[u8]) -> Result<bool> {
    let renewed = sqlx::query!(
        "update event_invitations set token_hash = $2
         where id = $1 and token_hash is not null and uses = 0 and revoked_at is null",
        id.0,
        hash,
    )
    .execute(db)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// The event of a link that was not revoked and has not expired.
#[tracing::instrument(skip_all)]
pub(crate) async fn by_token(db: &mut PgConnection, hash: &[u8]) -> Result<Option<(InvitationId, EventId)>> {
    let row = sqlx::query!(
        r#"select id as "id: InvitationId", event_id as "event_id: EventId" from event_invitations
           where token_hash = $1 and revoked_at is null and (expires_at is null or expires_at > crewup.now())"#,
        hash,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.id, row.event_id)))
}

/// The event of an invitation by name that was not revoked and has not expired, by somebody who is not hidden from the
/// invitee by a block (U5).
#[tracing::instrument(skip_all)]
pub(crate) async fn by_name(
    db: &mut PgConnection,
    id: InvitationId,
    invitee: UserId,
) -> Result<Option<(InvitationId, EventId)>> {
    let row = sqlx::query!(
        r#"select id as "id: InvitationId", event_id as "event_id: EventId" from event_invitations
           where id = $1 and invitee_id = $2 and revoked_at is null and (expires_at is null or expires_at > crewup.now())
             and not exists (select from crewup.blocked_with($2) b where b.user_id = created_by)"#,
        id.0,
        invitee.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.id, row.event_id)))
}

/// Gives access. False: the person had it already, which is no use of the invitation.
#[tracing::instrument(skip_all)]
pub(crate) async fn give_access(
    db: &mut PgConnection,
    event: EventId,
    user: UserId,
    invitation: InvitationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let given = sqlx::query!(
        "insert into event_access (event_id, user_id, invitation_id, created_at) values ($1, $2, $3, $4)
         on conflict do nothing",
        event.0,
        user.0,
        invitation.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(given.rows_affected() == 1)
}

/// Counts one use by `user`. False: it is used up, or was revoked or expired meanwhile, or is older than the person's removal
/// from the event. The condition and the count are one statement on one row, so that N uses are exactly N.
#[tracing::instrument(skip_all)]
pub(crate) async fn use_once(db: &mut PgConnection, id: InvitationId, user: UserId) -> Result<bool> {
    let used = sqlx::query!(
        "update event_invitations i set uses = i.uses + 1
         where i.id = $1 and (i.max_uses is null or i.uses < i.max_uses)
           and i.revoked_at is null and (i.expires_at is null or i.expires_at > crewup.now())
           and not exists (
               select from event_removals r
               where r.event_id = i.event_id and r.user_id = $2 and r.removed_at >= i.created_at
           )",
        id.0,
        user.0,
    )
    .execute(db)
    .await?;
    Ok(used.rows_affected() == 1)
}
