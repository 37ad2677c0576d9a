//! Who is banned from a crew (G8).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// A person who is banned, with who did it.
pub(crate) struct Banned {
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) by_id: UserId,
    pub(crate) by_first_name: String,
    pub(crate) by_last_name: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// The order of the list, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) UserId);

/// Bans a person, member or not, and cancels a pending request of theirs. Who is banned already stays so. False, and nothing
/// done: the admin does not see such a person, who neither is nor was in the crew nor asks to be (X2).
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    crew: GroupId,
    user: UserId,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let seen = sqlx::query_scalar!(
        r#"with seen as (
             select u.id from api_users u
             where u.id = $2 and (
                 exists (select from group_members m where m.group_id = $1 and m.user_id = $2)
                 or exists (select from group_members_past p where p.group_id = $1 and p.user_id = $2)
                 or exists (select from group_requests r where r.group_id = $1 and r.user_id = $2)
                 or u.state = 'active' and not exists (
                     select from api_user_blocks b where (b.blocker_id, b.blocked_id) in (($2, $3), ($3, $2))))
         ), asked as (
             update group_requests set state = 'cancelled', decided_at = $4
             where group_id = $1 and user_id in (select s.id from seen s) and state = 'pending'
         ), banned as (
             insert into group_bans (group_id, user_id, banned_by, created_at)
             select $1, s.id, $3, $4 from seen s on conflict do nothing
         )
         select exists (select from seen) as "seen!""#,
        crew.0,
        user.0,
        by.0,
        now,
    )
    .fetch_one(db)
    .await?;
    Ok(seen)
}

#[tracing::instrument(skip_all)]
pub(crate) async fn delete(db: &mut PgConnection, crew: GroupId, user: UserId) -> Result<()> {
    sqlx::query!("delete from group_bans where group_id = $1 and user_id = $2", crew.0, user.0).execute(db).await?;
    Ok(())
}

/// One page of who is banned, newest first, and one more.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, crew: GroupId, page: &Page<Key>) -> Result<Vec<Banned>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Banned,
        r#"select b.user_id as "user_id: UserId", u.first_name as "first_name!", u.last_name as "last_name!",
                  a.id as "by_id!: UserId", a.first_name as "by_first_name!", a.last_name as "by_last_name!", b.created_at
           from group_bans b
           join api_users u on u.id = b.user_id
           join api_users a on a.id = b.banned_by
           where b.group_id = $1
             and (b.created_at, b.user_id)
                 < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by b.created_at desc, b.user_id desc
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
