//! Links into crews (G3, E20). Written under the crew's lock.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, GroupInvitationId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// A row of `group_invitations` without the hash, with the name of the admin who made it.
pub(crate) struct Invitation {
    pub(crate) id: GroupInvitationId,
    pub(crate) group_id: GroupId,
    pub(crate) created_by: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) max_uses: Option<i32>,
    pub(crate) uses: i32,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

/// What an admin sets of a link.
pub(crate) struct Draft {
    pub(crate) group_id: GroupId,
    pub(crate) max_uses: Option<i32>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// The order of the list, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) GroupInvitationId);

/// Makes one.
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    id: GroupInvitationId,
    draft: &Draft,
    creator: UserId,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into group_invitations (id, group_id, created_by, token_hash, max_uses, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id.0,
        draft.group_id.0,
        creator.0,
        hash,
        draft.max_uses,
        draft.expires_at,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: GroupInvitationId) -> Result<Option<Invitation>> {
    let row = sqlx::query_as!(
        Invitation,
        r#"select i.id as "id: GroupInvitationId", i.group_id as "group_id: GroupId",
                  i.created_by as "created_by: UserId", u.first_name as "first_name!", u.last_name as "last_name!",
                  i.max_uses, i.uses, i.expires_at, i.revoked_at, i.created_at
           from group_invitations i
           join api_users u on u.id = i.created_by
           where i.id = $1"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// One page of a crew's invitations, and one more.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, crew: GroupId, page: &Page<Key>) -> Result<Vec<Invitation>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Invitation,
        r#"select i.id as "id: GroupInvitationId", i.group_id as "group_id: GroupId",
                  i.created_by as "created_by: UserId", u.first_name as "first_name!", u.last_name as "last_name!",
                  i.max_uses, i.uses, i.expires_at, i.revoked_at, i.created_at
           from group_invitations i
           join api_users u on u.id = i.created_by
           where i.group_id = $1
             and (i.created_at, i.id)
                 < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by i.created_at desc, i.id desc
           limit $4"#,
        crew.0,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

#[tracing::instrument(skip_all)]
pub(crate) async fn revoke(db: &mut PgConnection, id: GroupInvitationId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update group_invitations set revoked_at = $2 where id = $1 and revoked_at is null", id.0, now)
        .execute(db)
        .await?;
    Ok(())
}

/// Gives a link another secret. False: somebody used it, or it is revoked.
#[tracing::instrument(skip_all)]
pub(crate) async fn renew(db: &mut PgConnection, id: GroupInvitationId, hash: &[u8]) -> Result<bool> {
    let renewed = sqlx::query!(
        "update group_invitations set token_hash = $2 where id = $1 and uses = 0 and revoked_at is null",
        id.0,
        hash,
    )
    .execute(db)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// The link of a token, whatever became of it, and its crew.
#[tracing::instrument(skip_all)]
pub(crate) async fn by_token(db: &mut PgConnection, hash: &[u8]) -> Result<Option<(GroupInvitationId, GroupId)>> {
    let row = sqlx::query!(
        r#"select id as "id: GroupInvitationId", group_id as "group_id: GroupId" from group_invitations
           where token_hash = $1"#,
        hash,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.id, row.group_id)))
}

/// Uses a link; who used it before uses it no second time. False: it is used up, expired or revoked. The condition and
/// the count are one statement on one row, so that N uses are exactly N.
#[tracing::instrument(skip_all)]
pub(crate) async fn use_once(
    db: &mut PgConnection,
    id: GroupInvitationId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let used = sqlx::query!(
        "with first as (
             insert into group_invitation_uses (invitation_id, user_id, created_at) values ($1, $2, $3)
             on conflict do nothing
             returning 1 as use
         )
         update group_invitations
         set uses = uses + (select count(*) from first)
         where id = $1 and revoked_at is null and (expires_at is null or expires_at > $3)
           and (max_uses is null or uses + (select count(*) from first) <= max_uses)",
        id.0,
        user.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(used.rows_affected() == 1)
}
