//! Lists of crews. One query for each index that leads, the other conditions beside it.

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{EventId, GroupId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{
    model::{Crew, OPEN_AFTER_CANCELLATION, OPEN_AFTER_END},
    store::seen,
};

/// The order of a list: an instant, then the id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) GroupId);

/// The crews of an event, oldest first: one page, and one more.
#[tracing::instrument(skip_all)]
pub(crate) async fn of_event(
    db: &mut PgConnection,
    viewer: UserId,
    event: EventId,
    only_with_free_places: bool,
    page: &Page<Key>,
) -> Result<Vec<Crew>> {
    let after = page.after.as_ref();
    let rows = seen!(
        viewer,
        false,
        "where c.event_id = $3 and c.archived_at is null
           and (c.created_at, c.id)
               > (coalesce($4, '-infinity'::timestamptz), coalesce($5, '00000000-0000-0000-0000-000000000000'::uuid))
           and (not $6 or c.members < c.capacity and c.event_cancelled_at is null)
         order by c.created_at, c.id limit $7",
        event.0,
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        only_with_free_places,
        page.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The crews of which the viewer is a member, latest joined first: one page, and one more.
#[tracing::instrument(skip_all)]
pub(crate) async fn of_member(
    db: &mut PgConnection,
    viewer: UserId,
    event: Option<EventId>,
    only_open: bool,
    page: &Page<Key>,
) -> Result<Vec<Crew>> {
    let after = page.after.as_ref();
    let rows = seen!(
        viewer,
        false,
        "where c.my_joined_at is not null and ($3::uuid is null or c.event_id = $3)
           and (c.my_joined_at, c.id)
               < (coalesce($4, 'infinity'::timestamptz), coalesce($5, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           and (not $6 or c.now < coalesce(c.event_cancelled_at + make_interval(hours => $8),
                                           c.effective_end + make_interval(hours => $9)))
         order by c.my_joined_at desc, c.id desc limit $7",
        event.map(|event| event.0),
        after.map(|key| key.0),
        after.map(|key| key.1.0),
        only_open,
        page.limit(),
        OPEN_AFTER_CANCELLATION,
        OPEN_AFTER_END,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
