//! People as a viewer sees them (U3, U5).

use crewup_shared::{error::Result, id::UserId, page::Page, standing_log::Line};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::model::Person;

/// The order of what was found: smaller first, then the id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) i64, pub(crate) UserId);

/// One person found.
pub(crate) struct Found {
    pub(crate) id: UserId,
    pub(crate) key: i64,
}

/// None: there is no such person, or they are hidden.
#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, viewer: UserId, id: UserId) -> Result<Option<Person>> {
    batch(db, viewer, &[id]).await.map(|people| people.into_iter().next())
}

/// Those of `people` whom the viewer sees, in no order.
#[tracing::instrument(skip_all)]
pub(crate) async fn batch(db: &mut PgConnection, viewer: UserId, people: &[UserId]) -> Result<Vec<Person>> {
    let ids: Vec<_> = people.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        Person,
        r#"select u.id as "id!: UserId", u.first_name as "first_name!", u.last_name as "last_name!", u.bio,
                  u.profile_picture_url, u.interests, u.reputation as "reputation!", u.rating_count as "rating_count!",
                  u.created_at as "created_at!"
           from crewup.users_seen_by($1) u
           where u.id = any($2)"#,
        viewer.0,
        &ids,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Whether the viewer may know of a person at all.
#[tracing::instrument(skip_all)]
pub(crate) async fn is_seen(db: &mut PgConnection, viewer: UserId, id: UserId) -> Result<bool> {
    let seen = sqlx::query_scalar!(
        r#"select exists (select from crewup.users_seen_by($1) u where u.id = $2) as "seen!""#,
        viewer.0,
        id.0,
    )
    .fetch_one(db)
    .await?;
    Ok(seen)
}

/// One page of ids, and one more: a name as it stands, or words that are alike (E23). What a name or a part of it
/// begins with comes before what is in the middle. One or two letters are in the middle of nearly every name, and no
/// index finds them there: they must be a beginning. What is searched for is folded once, and who is found is looked at until
/// the page is full (ADR 15).
#[tracing::instrument(skip_all)]
pub(crate) async fn find(db: &mut PgConnection, viewer: UserId, query: &str, page: &Page<Key>) -> Result<Vec<Found>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Found,
        r#"with q as materialized (
               select f.folded, l.literal,
                      case when char_length(f.folded) < 3 then l.literal || '%' else '%' || l.literal || '%' end as part
               from (select crewup.fold($2) as folded) f
               cross join lateral (select replace(replace(replace(f.folded, '\', '\\'), '%', '\%'), '_', '\_') as literal) l
           ), found as materialized (
               select u.id, -(1000 * (word_similarity(q.folded, u.search_text)
                                      + case when u.search_text like q.literal || '%' then 2
                                             when u.search_text like '% ' || q.literal || '%' then 2
                                             when u.search_text like q.part then 1
                                             else 0 end))::bigint as key
               from q
               cross join users u
               where q.folded <> '' and u.id <> $1
                 and (u.search_text like (select q.part from q) or u.search_text %> (select q.folded from q))
           )
           select s.id as "id!: UserId", o.key as "key!"
           from (
               select n.id, n.key
               from found n
               where (n.key, n.id) > (coalesce($3, -9223372036854775808), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
               order by n.key, n.id
           ) o
           cross join lateral (select x.id from crewup.users_seen_by($1) x where x.id = o.id offset 0) s
           order by o.key, o.id
           limit $5"#,
        viewer.0,
        query,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// What the log of standings says of a person. None: there is no such person.
#[tracing::instrument(skip_all)]
pub(crate) async fn standing_line(db: &mut PgConnection, id: UserId) -> Result<Option<Line>> {
    let line = sqlx::query_as!(
        Line,
        r#"select crewup.person_hash(u.id) as "person!", u.state as "standing!",
                  (select b.expires_at from api_bans b where b.user_id = u.id) as until
           from api_users u where u.id = $1"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(line)
}
