//! Reading and writing one crew.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::{ErrorReason, Result},
    id::{EventId, GroupId, UserId},
};
use sqlx::PgConnection;

use crate::{
    model::{Crew, Draft},
    store::seen,
};

/// The crew as `viewer` sees it. NOT_FOUND: there is none, or its event is hidden (G3).
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, viewer: UserId, crew: GroupId) -> Result<Crew> {
    load(db, viewer, false, crew).await
}

/// As [`get`]; `all_private` opens the crews of private events to a moderator, and to what looks at somebody else.
#[tracing::instrument(skip_all)]
pub(crate) async fn load(db: &mut PgConnection, viewer: UserId, all_private: bool, crew: GroupId) -> Result<Crew> {
    let crew = seen!(viewer, all_private, "where c.id = $3", crew.0).fetch_optional(db).await?;
    crew.ok_or_else(|| ErrorReason::NotFound.into())
}

/// What a write does with the crew that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Anything but adding a member.
    Change,
    /// Adds a member: the event is held still as well, before the crew (E16, X6).
    Add,
}

/// As [`load`], under the lock that orders all changes of a crew, its members and its timeline (G2, G6, C2).
#[tracing::instrument(skip_all)]
pub(crate) async fn held(
    db: &mut PgConnection,
    viewer: UserId,
    all_private: bool,
    crew: GroupId,
    hold: Hold,
) -> Result<Crew> {
    let crew = seen!(from "crewup.crew_held($1, $2, $3, $4)", viewer, all_private, "", crew.0, hold == Hold::Add);
    crew.fetch_optional(db).await?.ok_or_else(|| ErrorReason::NotFound.into())
}

/// Makes a crew with its places and the first entry of its timeline; the creator is its first member and admin (G1).
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    crew: GroupId,
    event: EventId,
    creator: UserId,
    draft: &Draft,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with made as (
             insert into groups (id, event_id, name, description, max_members, is_private, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $8, $8)
             returning id
         ), seats as (
             insert into group_seats (group_id, capacity, members, last_sequence, updated_at)
             select id, $5, 1, 1, $8 from made
             returning group_id, last_sequence
         ), member as (
             insert into group_members (group_id, user_id, joined_at, is_admin, updated_at)
             select group_id, $7, $8, true, $8 from seats
         ), mark as (
             insert into read_marks (group_id, user_id, sequence, updated_at)
             select group_id, $7, last_sequence, $8 from seats
         )
         insert into timeline (group_id, sequence, kind, user_id, detail, created_at)
         select group_id, last_sequence, 'member_joined', $7, 'admin', $8 from seats",
        crew.0,
        event.0,
        draft.name,
        draft.description,
        draft.max_members,
        draft.is_private,
        creator.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes an edit. The crew is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn update(db: &mut PgConnection, crew: &Crew, draft: &Draft) -> Result<()> {
    sqlx::query!(
        "with edited as (
             update groups
             set name = $2, description = $3, max_members = $4, is_private = $5, revision = revision + 1
             where id = $1
         )
         update group_seats set capacity = $6 where group_id = $1",
        crew.id.0,
        draft.name,
        draft.description,
        draft.max_members,
        draft.is_private,
        crew.capacity_after(draft),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Puts a crew away for good (G10): memberships, join requests and invitations end. `by` is None where nobody remained
/// (G6). The crew is held.
#[tracing::instrument(skip_all)]
pub(crate) async fn archive(
    db: &mut PgConnection,
    crew: GroupId,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with seats as (
             update group_seats set members = 0, updated_at = $3 where group_id = $1
         ), archived as (
             update groups set archived_at = $3, archived_by = $2 where id = $1
         ), gone as (
             delete from group_members where group_id = $1 returning user_id, joined_at
         ), marks as (
             delete from read_marks where group_id = $1
         ), asked as (
             update group_requests set state = 'cancelled', decided_at = $3 where group_id = $1 and state = 'pending'
         ), invited as (
             update group_invitations set revoked_at = $3 where group_id = $1 and revoked_at is null
         )
         insert into group_members_past (group_id, user_id, joined_at, left_at, cause)
         select $1, user_id, joined_at, $3, 'archived' from gone",
        crew.0,
        by.map(|by| by.0),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
