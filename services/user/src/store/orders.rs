//! What accounts are ordered to be at the identity provider (`account_orders`).

use chrono::{DateTime, Utc};
use crewup_shared::{error::Result, id::UserId};
use sqlx::PgConnection;

/// An order in hand.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) user_id: UserId,
    /// The account.
    pub(crate) subject: String,
    /// `enabled`, `disabled` or `deleted`.
    pub(crate) wanted: String,
    /// Whether it is by us that the account is disabled.
    pub(crate) ours: bool,
    revision: i64,
}

/// What is not done yet.
pub(crate) struct Backlog {
    pub(crate) waiting: i64,
    pub(crate) lag_seconds: f64,
}

/// The person is banned: the account is to be disabled while the ban is in force. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn disable(db: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "insert into account_orders as o (user_id, subject, wanted, until, ordered_at, due_at)
         select u.id, u.keycloak_id, 'disabled', b.expires_at, crewup.now(), crewup.now()
         from users u join api_bans b on b.user_id = u.id
         where u.id = $1
         on conflict (user_id) do update
         set until = excluded.until, wanted = 'disabled',
             revision = o.revision + (o.wanted <> 'disabled')::integer,
             ordered_at = case o.wanted when 'disabled' then o.ordered_at else excluded.ordered_at end,
             due_at = case o.wanted when 'disabled' then o.due_at else excluded.due_at end,
             attempts = case o.wanted when 'disabled' then o.attempts else 0 end,
             done_at = case o.wanted when 'disabled' then o.done_at end
         where o.wanted <> 'deleted'",
        id.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The person is not banned: what a ban ordered is taken back. The person is entered.
#[tracing::instrument(skip_all)]
pub(crate) async fn enable(db: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "update account_orders
         set wanted = 'enabled', until = null, revision = revision + 1, ordered_at = crewup.now(), due_at = crewup.now(),
             attempts = 0, done_at = null
         where user_id = $1 and wanted = 'disabled'",
        id.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Somebody whose ban ended by the clock, and when.
#[tracing::instrument(skip_all)]
pub(crate) async fn over(db: &mut PgConnection) -> Result<Option<(UserId, DateTime<Utc>)>> {
    let row = sqlx::query!(
        r#"select user_id as "user_id: UserId", until as "until!" from account_orders
           where wanted = 'disabled' and until <= crewup.now()
           order by until limit 1"#
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.user_id, row.until)))
}

/// The order that is due for the longest time, for a minute: longer than carrying it out can take.
#[tracing::instrument(skip_all)]
pub(crate) async fn take(db: &mut PgConnection) -> Result<Option<Order>> {
    let order = sqlx::query_as!(
        Order,
        r#"update account_orders set leased_until = crewup.now() + interval '1 minute'
           where user_id = (
               select user_id from account_orders
               where done_at is null and due_at <= crewup.now()
                 and (leased_until is null or leased_until <= crewup.now())
               order by due_at limit 1
               for update skip locked)
           returning user_id as "user_id: UserId", subject, wanted, ours, revision"#
    )
    .fetch_optional(db)
    .await?;
    Ok(order)
}

/// The account is about to be disabled by us.
#[tracing::instrument(skip_all)]
pub(crate) async fn note_ours(db: &mut PgConnection, order: &Order) -> Result<()> {
    sqlx::query!("update account_orders set ours = true where user_id = $1", order.user_id.0).execute(db).await?;
    Ok(())
}

/// It is carried out. Of an order to disable the row stays, to know by it what is to be taken back; what was ordered
/// meanwhile is due now.
#[tracing::instrument(skip_all)]
pub(crate) async fn done(db: &mut PgConnection, order: &Order) -> Result<()> {
    sqlx::query!(
        "with gone as (
             delete from account_orders where user_id = $1 and revision = $2 and wanted <> 'disabled'
         )
         update account_orders
         set leased_until = null, done_at = case when revision = $2 then crewup.now() end
         where user_id = $1 and (revision <> $2 or wanted = 'disabled')",
        order.user_id.0,
        order.revision,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Later, twice as late each time, and at least every five minutes.
#[tracing::instrument(skip_all)]
pub(crate) async fn put_off(db: &mut PgConnection, order: &Order) -> Result<()> {
    sqlx::query!(
        "update account_orders
         set leased_until = null,
             attempts = attempts + (revision = $2)::integer,
             due_at = case when revision = $2
                 then crewup.now() + least(interval '1 second' * power(2, least(attempts, 10)), interval '5 minutes')
                 else due_at end
         where user_id = $1",
        order.user_id.0,
        order.revision,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How much waits, and for how long.
#[tracing::instrument(skip_all)]
pub(crate) async fn backlog(db: &mut PgConnection) -> Result<Backlog> {
    let backlog = sqlx::query_as!(
        Backlog,
        r#"select count(*) as "waiting!",
                  coalesce(extract(epoch from crewup.now() - min(ordered_at)), 0)::float8 as "lag_seconds!"
           from account_orders where done_at is null"#
    )
    .fetch_one(db)
    .await?;
    Ok(backlog)
}
