//! Raising an alert: everything in one statement (S2, S3).

use chrono::{DateTime, Utc};
use crewup_shared::{
    error::Result,
    id::{AlertId, UserId},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Call, FIRST};

/// Makes the batch `new`, or raises the sender's open one again, for the chosen crews that are active now; writes a row for
/// each crew, the place, and whom it is published to. None: no crew is active, and nothing was written (S5). The sender is
/// entered, so that of two calls at once the second finds the batch of the first; the unique index says so, too.
#[tracing::instrument(skip_all)]
pub(crate) async fn raise(
    db: &mut PgConnection,
    new: AlertId,
    sender: UserId,
    call: &Call,
    now: DateTime<Utc>,
) -> Result<Option<AlertId>> {
    let ids = |ids: &[crewup_shared::id::GroupId]| ids.iter().map(|id| id.0).collect::<Vec<Uuid>>();
    let people: Vec<Uuid> = call.without_people.iter().map(|id| id.0).collect();
    let place = call.place.as_ref();
    let raised = sqlx::query_scalar!(
        r#"with open as (
             select b.id, b.excluded_group_ids from alert_batches b where b.user_id = $2 and b.state = 'active'
         ), crews as (
             select c.group_id, c.window_end
             from crewup.alertable_crews($2) c
             where (cardinality($3::uuid[]) = 0 or c.group_id = any($3)) and c.group_id <> all($4::uuid[])
               and not exists (select from open o where c.group_id = any(o.excluded_group_ids))
         ), batch as (
             insert into alert_batches as b
                 (id, user_id, state, raised_at, next_level_at, excluded_group_ids, excluded_user_ids, created_at,
                  updated_at, expires_at)
             select $1, $2, 'active', $6, $7, $4, $5::uuid[], $6, $6, max(c.window_end) + interval '12 hours'
             from crews c
             having count(*) > 0
             on conflict (user_id) where state = 'active' do update
             set raised_at = excluded.raised_at, level = 0, next_level_at = excluded.next_level_at,
                 publish_count = b.publish_count + 1, revision = b.revision + 1,
                 excluded_group_ids = array(select unnest(b.excluded_group_ids || excluded.excluded_group_ids) group by 1),
                 excluded_user_ids = array(select unnest(b.excluded_user_ids || excluded.excluded_user_ids) group by 1),
                 updated_at = excluded.updated_at, expires_at = greatest(b.expires_at, excluded.expires_at)
             returning b.id, b.excluded_group_ids, b.excluded_user_ids
         ), said as (
             update safety_alerts a
             set alert_type = coalesce($8, a.alert_type), message = coalesce($9, a.message)
             from batch
             where a.batch_id = batch.id
             returning a.group_id
         ), alerts as (
             insert into safety_alerts (id, batch_id, user_id, group_id, alert_type, message, created_at)
             select uuid_generate_v4(), batch.id, $2, c.group_id,
                    coalesce($8, (select min(a.alert_type) from safety_alerts a where a.batch_id = batch.id), 'help'),
                    coalesce($9, (select min(a.message) from safety_alerts a where a.batch_id = batch.id)), $6
             from batch, crews c
             where c.group_id not in (select a.group_id from safety_alerts a where a.batch_id = batch.id)
             returning group_id
         ), place as (
             insert into alert_places as p (batch_id, latitude, longitude, accuracy_meters, recorded_at)
             select batch.id, $10, $11, $12, $13 from batch where $10::numeric is not null
             on conflict (batch_id) do update
             set latitude = excluded.latitude, longitude = excluded.longitude,
                 accuracy_meters = excluded.accuracy_meters, recorded_at = excluded.recorded_at
             where p.recorded_at <= excluded.recorded_at
         ), published as (
             insert into alert_recipients as r (batch_id, user_id, published_at)
             select distinct batch.id, m.user_id, $6::timestamptz
             from batch, (select group_id from said union select group_id from alerts) g
             join api_group_members m on m.group_id = g.group_id
             where m.user_id <> $2 and m.user_id <> all(batch.excluded_user_ids)
               and g.group_id <> all(batch.excluded_group_ids)
             on conflict (batch_id, user_id) do update set published_at = excluded.published_at
         )
         select id as "id!: AlertId" from batch"#,
        new.0,
        sender.0,
        &ids(&call.only),
        &ids(&call.without_groups),
        &people,
        now,
        now + FIRST,
        call.kind.as_deref(),
        call.message.as_deref(),
        place.map(|place| place.place.latitude),
        place.map(|place| place.place.longitude),
        place.and_then(|place| place.accuracy),
        place.map(|place| place.recorded_at),
    )
    .fetch_optional(db)
    .await?;
    Ok(raised)
}
