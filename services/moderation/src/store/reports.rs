//! Reports.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{ReportId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::model::{Object, Report};

/// A new report.
pub(crate) struct New {
    pub(crate) id: ReportId,
    pub(crate) reporter: UserId,
    pub(crate) object: Object,
    pub(crate) owner: Option<UserId>,
    pub(crate) violation: String,
    pub(crate) body: Option<String>,
    pub(crate) snapshot: String,
}

/// Which reports to list. None and empty: whatever.
pub(crate) struct Filter {
    pub(crate) states: Vec<String>,
    pub(crate) object: Option<Object>,
    pub(crate) owner: Option<UserId>,
    pub(crate) violations: Vec<String>,
    pub(crate) claimed_by: Option<UserId>,
}

/// The order of the list, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) ReportId);

/// Reports, without who made them (M6): `reports!("rest of the query", arguments)`.
macro_rules! reports {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Report,
            r#"select r.id as "id: ReportId", r.object_kind, r.object_id, r.owner_id as "owner_id: UserId", r.violation, r.body,
                      r.snapshot, r.state, r.created_at, r.claimed_by as "claimed_by: UserId", r.claimed_at,
                      r.closed_by as "closed_by: UserId", r.closed_at, r.note,
                      (select count(*)::integer from reports o
                       where o.object_kind = r.object_kind and o.object_id = r.object_id and o.closed_at is null)
                          as "open_count!"
               from reports r "# + $rest
            $(, $argument)*
        )
    };
}

/// Takes the lock of all that is reported of one object, until the transaction ends: a new report joins those that a
/// moderator holds, and none is made between the reading and the closing of the others. Rows alone cannot give that: of a
/// report that is being made there is none to lock. People are entered before (X6), and nobody locks two objects.
#[tracing::instrument(skip_all)]
pub(crate) async fn lock(db: &mut PgConnection, object: Object) -> Result<()> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('crewup.reports:' || $1 || ':' || $2::uuid, 0))",
        object.kind.name(),
        object.id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes a report, in the hand of whoever holds the others of its object. False: the reporter has an open one of it (M6).
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(db: &mut PgConnection, new: &New, now: DateTime<Utc>) -> Result<bool> {
    let made = sqlx::query!(
        "insert into reports (id, reporter_id, object_kind, object_id, owner_id, violation, body, snapshot, created_at,
             state, claimed_by, claimed_at)
         select $1, $2, $3::text, $4::uuid, $5, $6, $7, $8, $9::timestamptz,
             case when h.claimed_by is null then 'open' else 'claimed' end, h.claimed_by,
             case when h.claimed_by is not null then $9 end
         from (select) one
         left join lateral (
             select o.claimed_by from reports o
             where o.object_kind = $3 and o.object_id = $4 and o.closed_at is null and o.state = 'claimed' limit 1) h on true
         on conflict (reporter_id, object_kind, object_id) where closed_at is null do nothing",
        new.id.0,
        new.reporter.0,
        new.object.kind.name(),
        new.object.id,
        new.owner.map(|id| id.0),
        new.violation,
        new.body.as_deref(),
        new.snapshot,
        now,
    )
    .execute(db)
    .await?;
    Ok(made.rows_affected() == 1)
}

#[tracing::instrument(skip_all)]
pub(crate) async fn get(db: &mut PgConnection, id: ReportId) -> Result<Option<Report>> {
    Ok(reports!("where r.id = $1", id.0).fetch_optional(db).await?)
}

/// The reports of an object that are not closed, in id order, each under its lock.
#[tracing::instrument(skip_all)]
pub(crate) async fn held_open(db: &mut PgConnection, object: Object) -> Result<Vec<Report>> {
    let rows = reports!(
        "where r.object_kind = $1 and r.object_id = $2 and r.closed_at is null order by r.id for update of r",
        object.kind.name(),
        object.id,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// One page, and one more, oldest first.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(db: &mut PgConnection, filter: &Filter, page: &Page<Key>) -> Result<Vec<Report>> {
    let after = page.after.as_ref();
    let rows = reports!(
        "where r.state = any($1)
           and ($2::text is null or r.object_kind = $2 and r.object_id = $3::uuid)
           and ($4::uuid is null or r.owner_id = $4)
           and (cardinality($5::text[]) = 0 or r.violation = any($5))
           and ($6::uuid is null or r.claimed_by = $6 and r.closed_at is null)
           and (r.created_at, r.id)
               > (coalesce($7, '-infinity'::timestamptz), coalesce($8, '00000000-0000-0000-0000-000000000000'::uuid))
         order by r.created_at, r.id
         limit $9",
        &filter.states,
        filter.object.map(|object| object.kind.name()),
        filter.object.map(|object| object.id),
        filter.owner.map(|id| id.0),
        &filter.violations,
        filter.claimed_by.map(|id| id.0),
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Gives open reports to a moderator. Their object is locked.
#[tracing::instrument(skip_all)]
pub(crate) async fn claim(db: &mut PgConnection, reports: &[ReportId], by: UserId, at: DateTime<Utc>) -> Result<()> {
    let ids: Vec<_> = reports.iter().map(|id| id.0).collect();
    sqlx::query!(
        "update reports set state = 'claimed', claimed_by = $2, claimed_at = $3 where id = any($1)",
        &ids,
        by.0,
        at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Closes reports. Their object is locked. The snapshot of what was an erased person's has served its time (U8).
#[tracing::instrument(skip_all)]
pub(crate) async fn close(
    db: &mut PgConnection,
    reports: &[ReportId],
    state: &str,
    note: Option<&str>,
    by: UserId,
    at: DateTime<Utc>,
) -> Result<()> {
    let ids: Vec<_> = reports.iter().map(|id| id.0).collect();
    sqlx::query!(
        "update reports r
         set state = $2, note = $3, closed_by = $4, closed_at = $5,
             snapshot = case when exists (select from api_users u where u.id = r.owner_id and u.state = 'erased')
                 then '' else r.snapshot end
         where r.id = any($1)",
        &ids,
        state,
        note,
        by.0,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Wipes what an erased person wrote, and what was kept of their things in closed reports (U8). Reports that are not closed
/// keep it until they are. Locked first: one that is being closed by who saw no erasure yet is closed to the next statement.
#[tracing::instrument(skip_all)]
pub(crate) async fn wipe(db: &mut PgConnection, user: UserId) -> Result<()> {
    sqlx::query!("select from reports where owner_id = $1 order by id for update", user.0).execute(&mut *db).await?;
    sqlx::query!(
        "update reports set snapshot = '' where owner_id = $1 and closed_at is not null and snapshot <> ''",
        user.0,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("update reports set body = null where reporter_id = $1 and body is not null", user.0)
        .execute(db)
        .await?;
    Ok(())
}
