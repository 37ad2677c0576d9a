//! People as a viewer sees them (U3, U5).

use crewup_shared::{error::Result, id::UserId, page::Page};
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
/// index finds them there: they must be a beginning.
#[tracing::instrument(skip_all)]
pub(crate) async fn find(db: &mut PgConnection, viewer: UserId, query: &str, page: &Page<Key>) -> Result<Vec<Found>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Found,
        r#"select u.id as "id!: UserId", k.key as "key!"
           from (select crewup.fold($2) as folded,
                        replace(replace(replace(crewup.fold($2), '\', '\\'), '%', '\%'), '_', '\_') as literal) q
           cross join lateral (
               select case when char_length(q.folded) < 3 then q.literal || '%' else '%' || q.literal || '%' end as part) p
           cross join crewup.users_seen_by($1) u
           cross join lateral (
               select -(1000 * (word_similarity(q.folded, u.search_text)
                                + case when u.search_text like q.literal || '%' then 2
                                       when u.search_text like '% ' || q.literal || '%' then 2
                                       when u.search_text like p.part then 1
                                       else 0 end))::bigint as key) k
           where (q.folded <% u.search_text or u.search_text like p.part) and q.folded <> '' and u.id <> $1
             and (k.key, u.id) > (coalesce($3, -9223372036854775808), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
           order by k.key, u.id
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
