//! Profiles beside their accounts, for the synchronisation.

use chrono::{DateTime, Utc};
use crewup_shared::{error::Result, id::UserId};
use sqlx::PgConnection;

use crate::model::Profile;

/// A profile whose account is asked for.
pub(crate) struct Candidate {
    pub(crate) id: UserId,
    pub(crate) keycloak_id: String,
    /// Since when it is known to be gone.
    pub(crate) gone_since: Option<DateTime<Utc>>,
}

/// The profiles of the accounts `subjects`, also of erased ones by their `tombstones`, and those that hold one of `emails`.
#[tracing::instrument(skip_all)]
pub(crate) async fn profiles(
    db: &mut PgConnection,
    subjects: &[String],
    tombstones: &[String],
    emails: &[String],
) -> Result<Vec<Profile>> {
    let profiles = sqlx::query_as!(
        Profile,
        r#"select u.id as "id: UserId", u.keycloak_id, u.email, u.first_name, u.last_name, u.claims_iat, u.is_active,
                  u.erased_at is not null as "is_erased!", u.disabled_at is not null and not u.is_active as "is_disabled!",
                  u.account_gone_at is not null as "is_gone!",
                  (select min(r.role) from user_roles r where r.user_id = u.id) as role,
                  exists (select from account_orders o where o.user_id = u.id and (o.ours or o.done_at is null))
                      as "is_ordered!"
           from users u
           where u.keycloak_id = any($1) or u.keycloak_id = any($2) or u.email = any($3)"#,
        subjects,
        tombstones,
        emails,
    )
    .fetch_all(db)
    .await?;
    Ok(profiles)
}

/// The next profiles that are not erased, by id.
#[tracing::instrument(skip_all)]
pub(crate) async fn candidates(db: &mut PgConnection, after: Option<UserId>, limit: i64) -> Result<Vec<Candidate>> {
    let candidates = sqlx::query_as!(
        Candidate,
        r#"select id as "id: UserId", keycloak_id, account_gone_at as gone_since
           from users
           where erased_at is null and ($1::uuid is null or id > $1)
           order by id limit $2"#,
        after.map(|id| id.0),
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(candidates)
}

/// How many profiles are not erased.
#[tracing::instrument(skip_all)]
pub(crate) async fn count(db: &mut PgConnection) -> Result<i64> {
    let count =
        sqlx::query_scalar!(r#"select count(*) as "count!" from users where erased_at is null"#).fetch_one(db).await?;
    Ok(count)
}

/// Puts a profile aside because its account is disabled. False: there was nothing to do. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn disable(db: &mut PgConnection, id: UserId) -> Result<bool> {
    let done = sqlx::query!(
        "update users set is_active = false, disabled_at = crewup.now()
         where id = $1 and is_active and erased_at is null",
        id.0,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Brings a profile back that was put aside so. False: there was nothing to do. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn enable(db: &mut PgConnection, id: UserId) -> Result<bool> {
    let done = sqlx::query!(
        "update users set is_active = true, disabled_at = null
         where id = $1 and disabled_at is not null and not is_active and erased_at is null",
        id.0,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account is gone, or is back. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn set_gone(db: &mut PgConnection, id: UserId, gone: bool) -> Result<()> {
    sqlx::query!(
        "update users set account_gone_at = case when $2 then coalesce(account_gone_at, crewup.now()) end
         where id = $1 and erased_at is null",
        id.0,
        gone,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the timed synchronisation, if it is due and nobody is at it: where it goes on.
#[tracing::instrument(skip_all)]
pub(crate) async fn take(db: &mut PgConnection) -> Result<Option<String>> {
    let token = sqlx::query_scalar!(
        "update account_sync set leased_until = crewup.now() + interval '2 minutes'
         where due_at <= crewup.now() and (leased_until is null or leased_until <= crewup.now())
         returning resume_token"
    )
    .fetch_optional(db)
    .await?;
    Ok(token)
}

/// Nobody else is at it for so many seconds - it is under way, or has failed - and it goes on there.
#[tracing::instrument(skip_all)]
pub(crate) async fn keep(db: &mut PgConnection, seconds: f64, has_failed: bool, token: &str) -> Result<()> {
    sqlx::query!(
        "update account_sync
         set leased_until = crewup.now() + make_interval(secs => $1), has_failed = $2, resume_token = $3",
        seconds,
        has_failed,
        token,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// It is done, and due again after so many seconds.
#[tracing::instrument(skip_all)]
pub(crate) async fn done(db: &mut PgConnection, seconds: f64) -> Result<()> {
    sqlx::query!(
        "update account_sync
         set leased_until = null, has_failed = false, resume_token = '', due_at = crewup.now() + make_interval(secs => $1)",
        seconds,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How late it is, in seconds. One that is under way is not late, however long it takes.
#[tracing::instrument(skip_all)]
pub(crate) async fn late(db: &mut PgConnection) -> Result<f64> {
    let late = sqlx::query_scalar!(
        r#"select case when leased_until > crewup.now() and not has_failed then 0
                       else greatest(extract(epoch from crewup.now() - due_at), 0) end::float8 as "late!"
           from account_sync"#
    )
    .fetch_one(db)
    .await?;
    Ok(late)
}
