//! What crews read of events, which are the event service's.

use crewup_shared::{
    error::{ErrorReason, Result},
    id::{EventId, UserId},
};
use sqlx::PgConnection;

use crate::model::HostEvent;

/// The event of a new crew, held still until the transaction ends, then read in a statement of its own (E16, G1).
/// NOT_FOUND: there is none, or it is hidden.
#[tracing::instrument(skip_all)]
pub(crate) async fn held(db: &mut PgConnection, viewer: UserId, event: EventId) -> Result<HostEvent> {
    sqlx::query!("select from crewup.api_hold_event($1)", event.0).execute(&mut *db).await?;
    let event = sqlx::query_as!(
        HostEvent,
        r#"select e.is_cancelled as "is_cancelled!", e.effective_end <= crewup.now() as "is_over!",
                  exists (select from api_attendance a
                          where a.event_id = e.id and a.user_id = $1 and a.status = 'going') as "i_am_going!"
           from crewup.api_events_seen_by($1, false) e
           where e.id = $2"#,
        viewer.0,
        event.0,
    )
    .fetch_optional(db)
    .await?;
    event.ok_or_else(|| ErrorReason::NotFound.into())
}

/// Whether the viewer sees the event at all. NOT_FOUND: no.
#[tracing::instrument(skip_all)]
pub(crate) async fn must_be_seen(db: &mut PgConnection, viewer: UserId, event: EventId) -> Result<()> {
    let seen = sqlx::query_scalar!(
        r#"select exists (select from crewup.api_events_seen_by($1, false) e where e.id = $2) as "seen!""#,
        viewer.0,
        event.0,
    )
    .fetch_one(db)
    .await?;
    if seen { Ok(()) } else { Err(ErrorReason::NotFound.into()) }
}

/// Whether a person is going to an event.
#[tracing::instrument(skip_all)]
pub(crate) async fn is_going(db: &mut PgConnection, user: UserId, event: EventId) -> Result<bool> {
    let going = sqlx::query_scalar!(
        r#"select exists (select from api_attendance where event_id = $2 and user_id = $1 and status = 'going')
               as "going!""#,
        user.0,
        event.0,
    )
    .fetch_one(db)
    .await?;
    Ok(going)
}
