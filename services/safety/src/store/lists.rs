//! Alerts, page by page. Whose alert or whom it reached narrows first; who may see it is decided by the one function.

use chrono::{DateTime, Utc};
use crewup_proto::safety::alert_filter::Scope;
use crewup_shared::{
    error::Result,
    id::{AlertId, GroupId, UserId},
    page::Page,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{model::Alert, store::seen};

/// Which alerts to list. Empty and None: whatever.
pub(crate) struct Filter {
    pub(crate) scope: Scope,
    pub(crate) states: Vec<String>,
    pub(crate) group: Option<GroupId>,
}

/// The order of the list, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) DateTime<Utc>, pub(crate) AlertId);

/// One page, and one row more.
#[tracing::instrument(skip_all)]
pub(crate) async fn list(
    db: &mut PgConnection,
    viewer: UserId,
    filter: &Filter,
    page: &Page<Key>,
) -> Result<Vec<Alert>> {
    let after = page.after.as_ref();
    let (at, id) = (after.map(|key| key.0), after.map(|key| key.1.0));
    let group = filter.group.map(|id| id.0);
    let rows = if filter.scope == Scope::All {
        seen!(
            "crewup.alerts_seen_by($1, true)",
            "where (a.created_at, a.id)
                   < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
               and (cardinality($4::text[]) = 0 or a.state = any($4))
               and ($5::uuid is null
                    or exists (select from safety_alerts s where s.batch_id = a.id and s.group_id = $5))
             order by a.created_at desc, a.id desc
             limit $6",
            viewer.0,
            at,
            id,
            &filter.states,
            group,
            page.limit(),
        )
        .fetch_all(db)
        .await?
    } else {
        let sent = filter.scope != Scope::Received;
        let received = filter.scope != Scope::Sent;
        seen!(
            "crewup.alerts_seen_by($1, false)",
            "where a.id in (
                 select b.id from alert_batches b where $7 and b.user_id = $1
                 union
                 select r.batch_id from alert_recipients r where $8 and r.user_id = $1
                 union
                 select s.batch_id from api_group_members m join safety_alerts s on s.group_id = m.group_id
                 where $8 and m.user_id = $1)
               and (a.my_kind is null) = (a.user_id = $1) and (case when a.user_id = $1 then $7 else $8 end)
               and (a.created_at, a.id)
                   < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
               and (cardinality($4::text[]) = 0 or a.state = any($4))
               and ($5::uuid is null
                    or exists (select from safety_alerts s where s.batch_id = a.id and s.group_id = $5))
             order by a.created_at desc, a.id desc
             limit $6",
            viewer.0,
            at,
            id,
            &filter.states,
            group,
            page.limit(),
            sent,
            received,
        )
        .fetch_all(db)
        .await?
    };
    Ok(rows)
}
