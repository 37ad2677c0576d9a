//! Profiles by account, and what a token changes of them (U1, U2, M1).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::{Error, ErrorReason, Result},
    id::UserId,
};
use sqlx::PgConnection;

use crate::model::{Claims, Complete, tombstone};

/// The profile of an account.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) id: UserId,
    /// When the newest token that the profile followed was issued. None: it followed none yet.
    pub(crate) claims_iat: Option<DateTime<Utc>>,
    pub(crate) is_erased: bool,
}

/// By the subject, or by what erasing left of it (U8).
#[tracing::instrument(skip_all)]
pub(crate) async fn find(db: &mut PgConnection, subject: &str) -> Result<Option<Known>> {
    let known = sqlx::query_as!(
        Known,
        r#"select id as "id: UserId", claims_iat, erased_at is not null as "is_erased!"
           from users where keycloak_id in ($1, $2)"#,
        subject,
        tombstone(subject),
    )
    .fetch_optional(db)
    .await?;
    Ok(known)
}

/// Makes a profile. False: the account has one, or another account holds the e-mail; a transaction that is about to
/// make it is waited for.
#[tracing::instrument(skip_all)]
pub(crate) async fn insert(
    db: &mut PgConnection,
    id: UserId,
    claims: &Claims,
    complete: &Complete<'_>,
) -> Result<bool> {
    let made = sqlx::query!(
        "insert into users (id, keycloak_id, email, first_name, last_name, created_at, updated_at, claims_iat)
         values ($1, $2, $3, $4, $5, crewup.now(), crewup.now(), $6)
         on conflict do nothing",
        id.0,
        claims.subject,
        complete.email,
        complete.first_name,
        complete.last_name,
        claims.issued_at,
    )
    .execute(db)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Takes over what the token says and leaves what it does not say. False: a token that is as new was there first, or
/// the person is erased. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn synchronise(db: &mut PgConnection, id: UserId, claims: &Claims) -> Result<bool> {
    let done = sqlx::query!(
        "update users
         set email = coalesce($2, email), first_name = coalesce($3, first_name), last_name = coalesce($4, last_name),
             claims_iat = $5
         where id = $1 and erased_at is null and (claims_iat is null or claims_iat < $5)",
        id.0,
        claims.email.as_deref(),
        claims.first_name.as_deref(),
        claims.last_name.as_deref(),
        claims.issued_at,
    )
    .execute(db)
    .await;
    match done {
        Ok(done) => Ok(done.rows_affected() == 1),
        // Of what is unique only the e-mail changes here.
        Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
            Err(Error::from(ErrorReason::EmailTaken).because(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Keeps the role that the token has, and no other.
#[tracing::instrument(skip_all)]
pub(crate) async fn keep_role(db: &mut PgConnection, id: UserId, role: Option<&str>) -> Result<()> {
    sqlx::query!(
        "with lost as (
             delete from user_roles where user_id = $1 and role is distinct from $2
         )
         insert into user_roles (user_id, role, seen_at)
         select $1, $2, crewup.now() where $2::text is not null
         on conflict (user_id, role) do update set seen_at = excluded.seen_at",
        id.0,
        role,
    )
    .execute(db)
    .await?;
    Ok(())
}
