//! What reactions and streams need to know of people.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, GroupId, UserId},
};
use sqlx::PgConnection;

use crate::model::Person;

/// Until when a person is banned: outer None: not at all; inner None: without an end.
#[tracing::instrument(skip_all)]
pub(crate) async fn banned_until(db: &mut PgConnection, user: UserId) -> Result<Option<Option<DateTime<Utc>>>> {
    let ban =
        sqlx::query_scalar!("select expires_at from api_bans where user_id = $1", user.0).fetch_optional(db).await?;
    Ok(ban)
}

/// The crews of one event, or of all, of which a person is a member, in id order (X6). Only of events that start before
/// `starting_before`.
#[tracing::instrument(skip_all)]
pub(crate) async fn crews(
    db: &mut PgConnection,
    user: UserId,
    event: Option<EventId>,
    starting_before: Option<DateTime<Utc>>,
) -> Result<Vec<GroupId>> {
    let crews = sqlx::query_scalar!(
        r#"select m.group_id as "id: GroupId"
           from group_members m
           join groups g on g.id = m.group_id
           join api_events e on e.id = g.event_id
           where m.user_id = $1 and ($2::uuid is null or g.event_id = $2)
             and e.event_start < coalesce($3, 'infinity'::timestamptz)
           order by m.group_id"#,
        user.0,
        event.map(|event| event.0),
        starting_before,
    )
    .fetch_all(db)
    .await?;
    Ok(crews)
}

/// The names of some people, and the time. No span: see [`super::timeline::news`].
pub(crate) async fn named(db: &mut PgConnection, ids: &[UserId]) -> Result<(Vec<Person>, DateTime<Utc>)> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select u.id as "id?: UserId", u.first_name as "first_name?: String", u.last_name as "last_name?: String",
                  crewup.now() as "now!"
           from unnest($1::uuid[]) p (id)
           left join api_users u on u.id = p.id"#,
        &ids,
    )
    .fetch_all(db)
    .await?;
    let now = rows.first().map_or(DateTime::UNIX_EPOCH, |row| row.now);
    let people = rows
        .into_iter()
        .filter_map(|row| Some(Person { id: row.id?, first_name: row.first_name?, last_name: row.last_name? }));
    Ok((people.collect(), now))
}
