//! Ratings, and who may be rated. Events and attendance are the event service's: read through its views.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, RatingId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::model::{Draft, OPEN_DAYS, Ratable, Rating, Shared};

/// The order of a person's ratings, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) RatingId);

/// The order of who may be rated: the event that ended last first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RatableKey(pub(crate) DateTime<Utc>, pub(crate) EventId, pub(crate) UserId);

/// An event, with what `viewer` and `other` have to do with it. None: there is none.
#[tracing::instrument(skip_all)]
pub(crate) async fn shared(
    db: &mut PgConnection,
    viewer: UserId,
    other: UserId,
    event: EventId,
) -> Result<Option<Shared>> {
    let shared = sqlx::query_as!(
        Shared,
        r#"select e.effective_end as "effective_end!", e.is_cancelled as "is_cancelled!", e.is_public as "is_public!",
                  e.creator_id = $1 as "is_mine!",
                  exists (select from api_attendance a
                          where a.event_id = e.id and a.user_id = $1 and a.status = 'going') as "i_went!",
                  exists (select from api_attendance a
                          where a.event_id = e.id and a.user_id = $2 and a.status = 'going') as "they_went!",
                  exists (select from crewup.users_seen_by($1) u where u.id = $2) as "they_are_seen!"
           from api_events e
           where e.id = $3"#,
        viewer.0,
        other.0,
        event.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(shared)
}

/// False: the person rated the other one for the event already (R4).
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    id: RatingId,
    rater: UserId,
    draft: &Draft,
    now: DateTime<Utc>,
) -> Result<bool> {
    let made = sqlx::query!(
        "insert into ratings (id, rated_user_id, rater_user_id, event_id, rating, comment, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
        id.0,
        draft.rated.0,
        rater.0,
        draft.event.0,
        draft.rating,
        draft.comment.as_deref(),
        now,
    )
    .execute(db)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Whom a rating is about.
#[tracing::instrument(skip_all)]
pub(crate) async fn rated(db: &mut PgConnection, id: RatingId) -> Result<Option<UserId>> {
    let rated = sqlx::query_scalar!(r#"select rated_user_id as "id: UserId" from ratings where id = $1"#, id.0)
        .fetch_optional(db);
    Ok(rated.await?)
}

/// One rating, whoever may see it: that is for the caller to look at.
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, viewer: UserId, id: RatingId) -> Result<Option<Rating>> {
    let rating = sqlx::query_as!(
        Rating,
        r#"select r.id as "id: RatingId", r.rated_user_id as "rated_user_id: UserId",
                  r.rater_user_id as "rater_user_id: UserId", r.event_id as "event_id: EventId", r.rating, r.comment,
                  r.created_at,
                  (select e.effective_end from api_events e where e.id = r.event_id) as effective_end,
                  exists (select from crewup.users_seen_by($1) u where u.id = r.rated_user_id)
                      and not exists (select from crewup.blocked_with($1) b where b.user_id = r.rater_user_id)
                      as "is_seen!"
           from ratings r
           where r.id = $2"#,
        viewer.0,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(rating)
}

/// False: there is no such rating any more.
#[tracing::instrument(skip_all)]
pub(crate) async fn delete(db: &mut PgConnection, id: RatingId) -> Result<bool> {
    let gone = sqlx::query!("delete from ratings where id = $1", id.0).execute(db).await?;
    Ok(gone.rows_affected() == 1)
}

/// The ratings of a person whom the viewer sees, newest first, without those by people hidden by a block (U5).
#[tracing::instrument(skip_all)]
pub(crate) async fn list(
    db: &mut PgConnection,
    viewer: UserId,
    rated: UserId,
    page: &Page<Key>,
) -> Result<Vec<Rating>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Rating,
        r#"select r.id as "id: RatingId", r.rated_user_id as "rated_user_id: UserId",
                  r.rater_user_id as "rater_user_id: UserId", r.event_id as "event_id: EventId", r.rating, r.comment,
                  r.created_at, null::timestamptz as effective_end, true as "is_seen!"
           from ratings r
           where r.rated_user_id = $2
             and not exists (select from crewup.blocked_with($1) b where b.user_id = r.rater_user_id)
             and (r.created_at, r.id)
                 < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by r.created_at desc, r.id desc
           limit $5"#,
        viewer.0,
        rated.0,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Whom a person may still rate and sees, for one event or for all.
#[tracing::instrument(skip_all)]
pub(crate) async fn ratable(
    db: &mut PgConnection,
    rater: UserId,
    event: Option<EventId>,
    page: &Page<RatableKey>,
) -> Result<Vec<Ratable>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Ratable,
        r#"select e.id as "event_id!: EventId", e.name as "event_name!", e.effective_end as "effective_end!",
                  u.id as "user_id!: UserId", u.first_name as "first_name!", u.last_name as "last_name!"
           from api_attendance mine
           join api_events e on e.id = mine.event_id
           join api_attendance theirs on theirs.event_id = e.id and theirs.status = 'going'
           join crewup.users_seen_by($1) u on u.id = theirs.user_id
           where mine.user_id = $1 and mine.status = 'going' and u.id <> $1 and not e.is_cancelled
             and e.effective_end <= crewup.now() and e.effective_end > crewup.now() - make_interval(days => $2)
             and ($3::uuid is null or e.id = $3)
             and not exists (
                 select from ratings r where r.rated_user_id = u.id and r.rater_user_id = $1 and r.event_id = e.id)
             and ($4::timestamptz is null or e.effective_end < $4
                  or e.effective_end = $4 and (e.id, u.id) > ($5::uuid, $6::uuid))
           order by e.effective_end desc, e.id, u.id
           limit $7"#,
        rater.0,
        OPEN_DAYS,
        event.map(|id| id.0),
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        after.map(|key| key.2.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
