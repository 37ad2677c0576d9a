//! The log (M10): written and read, and never changed: the service has no grant for that.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{LogEntryId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Deed, Entry, Named as _, Touched};

/// Which entries to list. None and empty: whatever.
pub(crate) struct Filter {
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) before: Option<DateTime<Utc>>,
    pub(crate) actor: Option<UserId>,
    pub(crate) target_user: Option<UserId>,
    pub(crate) actions: Vec<String>,
}

/// The order of the list, latest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) LogEntryId);

/// Writes what a call did, an entry for each thing to which it did it.
#[tracing::instrument(skip_all)]
pub(crate) async fn write(db: &mut PgConnection, deed: &Deed, touched: &[Touched]) -> Result<()> {
    let ids: Vec<Uuid> = touched.iter().map(|_| LogEntryId::new().0).collect();
    let kinds: Vec<_> = touched.iter().map(|one| one.target.kind().to_owned()).collect();
    let targets: Vec<_> = touched.iter().map(|one| one.target.id()).collect();
    let people: Vec<_> = touched.iter().map(|one| one.person.map(|id| id.0)).collect();
    let violations: Vec<_> = touched.iter().map(|one| one.violation.clone()).collect();
    let before: Vec<_> = touched.iter().map(|one| one.state_before.clone()).collect();
    sqlx::query!(
        "insert into moderation_log (id, target_kind, target_id, target_user_id, violation, state_before, actor_id, action,
             state_after, expires_before, expires_after, request_id, created_at)
         select t.*, $7, $8, $9, $10, $11, $12, $13
         from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[]) as t",
        &ids,
        &kinds,
        &targets,
        &people as &[Option<Uuid>],
        &violations,
        &before as &[Option<String>],
        deed.actor.0,
        deed.action.name(),
        deed.state_after,
        deed.expires_before,
        deed.expires_after,
        deed.request_id,
        deed.at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// One page, and one more, latest first.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, filter: &Filter, page: &Page<Key>) -> Result<Vec<Entry>> {
    let after = page.after.as_ref();
    let rows = sqlx::query_as!(
        Entry,
        r#"select l.id as "id: LogEntryId", l.actor_id as "actor_id: UserId", l.action, l.target_kind, l.target_id,
                  l.target_user_id as "target_user_id: UserId", l.violation, l.state_before, l.state_after,
                  l.expires_before, l.expires_after, l.request_id, l.created_at
           from moderation_log l
           where l.created_at >= coalesce($1, '-infinity'::timestamptz) and l.created_at < coalesce($2, 'infinity'::timestamptz)
             and ($3::uuid is null or l.actor_id = $3)
             and ($4::uuid is null or l.target_user_id = $4)
             and (cardinality($5::text[]) = 0 or l.action = any($5))
             and (l.created_at, l.id)
                 < (coalesce($6, 'infinity'::timestamptz), coalesce($7, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           order by l.created_at desc, l.id desc
           limit $8"#,
        filter.from,
        filter.before,
        filter.actor.map(|id| id.0),
        filter.target_user.map(|id| id.0),
        &filter.actions,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
