//! Who is a member, and what ends it. Every change is one statement under the crew's lock: the counters first, then the
//! member, then its entry of the timeline (G11, G12, C2).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{GroupId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::model::Cause;

/// A member with the name.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) joined_at: DateTime<Utc>,
    pub(crate) is_admin: bool,
}

/// The order of the list, longest-standing first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) UserId);

/// One page of a crew's members, and one more.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, crew: GroupId, page: &Page<Key>) -> Result<Vec<Member>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Member,
        r#"select m.user_id as "user_id: UserId", u.first_name as "first_name!", u.last_name as "last_name!", m.joined_at,
                  m.is_admin
           from group_members m
           join api_users u on u.id = m.user_id
           where m.group_id = $1
             and (m.joined_at, m.user_id)
                 > (coalesce($2, '-infinity'::timestamptz), coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid))
           order by m.joined_at, m.user_id
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

/// None: the person is not a member.
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, crew: GroupId, user: UserId) -> Result<Option<Member>> {
    let row = sqlx::query_as!(
        Member,
        r#"select m.user_id as "user_id: UserId", u.first_name as "first_name!", u.last_name as "last_name!", m.joined_at,
                  m.is_admin
           from group_members m
           join api_users u on u.id = m.user_id
           where m.group_id = $1 and m.user_id = $2"#,
        crew.0,
        user.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Whether a person ever was a member and is no longer.
#[tracing::instrument(skip_all)]
pub(crate) async fn was_member(db: &mut PgConnection, crew: GroupId, user: UserId) -> Result<bool> {
    let was = sqlx::query_scalar!(
        r#"select exists (select from group_members_past where group_id = $1 and user_id = $2) as "was!""#,
        crew.0,
        user.0,
    )
    .fetch_one(db)
    .await?;
    Ok(was)
}

/// Makes a person a member, who has read everything so far (C10). A pending request of theirs ends: approved by
/// `approved_by`, or cancelled, because it took none (G3).
#[tracing::instrument(skip_all)]
pub(crate) async fn add(
    db: &mut PgConnection,
    crew: GroupId,
    user: UserId,
    approved_by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with seats as (
             update group_seats set members = members + 1, last_sequence = last_sequence + 1, updated_at = $4
             where group_id = $1
             returning last_sequence
         ), member as (
             insert into group_members (group_id, user_id, joined_at, is_admin, updated_at)
             select $1, $2, $4, false, $4 from seats
         ), mark as (
             insert into read_marks (group_id, user_id, sequence, updated_at)
             select $1, $2, last_sequence, $4 from seats
             on conflict (group_id, user_id) do update set sequence = excluded.sequence, updated_at = excluded.updated_at
         ), asked as (
             update group_requests
             set state = case when $3::uuid is null then 'cancelled' else 'approved' end, decided_at = $4, decided_by = $3
             where group_id = $1 and user_id = $2 and state = 'pending'
         )
         insert into timeline (group_id, sequence, kind, user_id, actor_id, detail, created_at)
         select $1, last_sequence, 'member_joined', $2, $3, 'member', $4 from seats",
        crew.0,
        user.0,
        approved_by.map(|admin| admin.0),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The longest-standing other member (G6). None: nobody else is one.
#[tracing::instrument(skip_all)]
pub(crate) async fn heir(db: &mut PgConnection, crew: GroupId, leaver: UserId) -> Result<Option<UserId>> {
    let heir = sqlx::query_scalar!(
        r#"select m.user_id as "user_id: UserId" from group_members m
           where m.group_id = $1 and m.user_id <> $2
           order by m.joined_at, m.user_id
           limit 1"#,
        crew.0,
        leaver.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(heir)
}

/// Ends a membership. False: the person is not a member, and nothing changes.
#[tracing::instrument(skip_all)]
pub(crate) async fn end(
    db: &mut PgConnection,
    crew: GroupId,
    user: UserId,
    cause: Cause,
    now: DateTime<Utc>,
) -> Result<bool> {
    let ended = sqlx::query!(
        "with seats as (
             update group_seats set members = members - 1, last_sequence = last_sequence + 1, updated_at = $7
             where group_id = $1 and exists (select from group_members where group_id = $1 and user_id = $2)
             returning last_sequence
         ), gone as (
             delete from group_members where group_id = $1 and user_id = $2 returning joined_at
         ), mark as (
             delete from read_marks where group_id = $1 and user_id = $2
         ), past as (
             insert into group_members_past (group_id, user_id, joined_at, left_at, cause)
             select $1, $2, joined_at, $7, $3 from gone
         )
         insert into timeline (group_id, sequence, kind, user_id, actor_id, detail, created_at)
         select $1, last_sequence, $4, $2, $5, $6, $7 from seats",
        crew.0,
        user.0,
        cause.name(),
        cause.kind(),
        cause.actor().map(|actor| actor.0),
        cause.detail(),
        now,
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Promotes or demotes a member. `by` is None where the last admin went (G6).
#[tracing::instrument(skip_all)]
pub(crate) async fn set_admin(
    db: &mut PgConnection,
    crew: GroupId,
    user: UserId,
    is_admin: bool,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with seats as (
             update group_seats set last_sequence = last_sequence + 1, updated_at = $5 where group_id = $1
             returning last_sequence
         ), member as (
             update group_members set is_admin = $3 where group_id = $1 and user_id = $2
         )
         insert into timeline (group_id, sequence, kind, user_id, actor_id, created_at)
         select $1, last_sequence, case when $3 then 'member_promoted' else 'member_demoted' end, $2, $4, $5 from seats",
        crew.0,
        user.0,
        is_admin,
        by.map(|by| by.0),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
