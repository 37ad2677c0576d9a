//! WatchAlerts: the alerts that reach a person, and the own one with whom it reached, as a state stream (S6, S13, S14).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use crewup_proto::{
    call::Standing,
    safety::{watch_alerts_response::Change, *},
};
use crewup_shared::{
    app::{App, Caller, ReadCx, Tx},
    convert::timestamp,
    error::Result,
    fields::Fields,
    id::{AlertId, UserId},
    live::{Revision, Things, WatchFeed, Watched, heartbeat},
    lock::lock,
    outbox::Topic,
    server::Stop,
};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    access, figures,
    store::{self, recipients},
};

/// A request, with what keeps who got what.
pub(crate) struct At<Req> {
    pub(crate) request: Req,
    pub(crate) deliveries: Deliveries,
}

/// WatchAlerts.
pub(crate) async fn open(cx: &mut ReadCx, at: &At<WatchAlertsRequest>) -> Result<(WatchFeed<Alerts>, Duration)> {
    let mut fields = Fields::new();
    let heartbeat = heartbeat(&mut fields, at.request.heartbeat_seconds);
    fields.done()?;
    let alerts = Alerts { deliveries: at.deliveries.clone(), undelivered: HashSet::new() };
    Ok((WatchFeed::new(cx, alerts), heartbeat))
}

/// Whom the alerts of which wake-ups tell may be new to.
pub(crate) fn audience<'a>(db: &'a mut PgConnection, alerts: &'a [Uuid]) -> BoxFuture<'a, Result<Vec<Uuid>>> {
    Box::pin(recipients::audience(db, alerts))
}

/// The open alerts of which a person is the sender or a recipient; a banned person, the sender only.
pub(crate) struct Alerts {
    deliveries: Deliveries,
    /// What the person is a recipient of and was not known to have got when it was read.
    undelivered: HashSet<Uuid>,
}

impl Things for Alerts {
    type Item = WatchAlertsResponse;

    const SHOWS_END: bool = true;

    // What several people do at once is one change for those who watch.
    const CALM: Duration = Duration::from_millis(10);

    fn present<'a>(&self, db: &'a mut PgConnection, caller: &'a Caller) -> BoxFuture<'a, Result<Vec<Revision>>> {
        Box::pin(recipients::watched(db, caller.id, caller.standing == Standing::Banned))
    }

    fn load<'a>(
        &'a mut self,
        db: &'a mut PgConnection,
        caller: &'a Caller,
        things: &'a [Revision],
    ) -> BoxFuture<'a, Result<Vec<Watched<WatchAlertsResponse>>>> {
        Box::pin(async move {
            let ids: Vec<_> = things.iter().map(|thing| thing.id).collect();
            let alerts = store::alerts::batch(db, caller.id, access::moderates(caller), &ids).await?;
            let mut watched = Vec::with_capacity(alerts.len());
            // A moderator sees others as well.
            for alert in alerts.into_iter().filter(|alert| alert.user_id == caller.id || alert.my_kind.is_some()) {
                if alert.is_undelivered(caller.id) {
                    self.undelivered.insert(alert.id.0);
                }
                watched.push(Watched {
                    thing: Revision { id: alert.id.0, revision: alert.revision },
                    is_last: !alert.is_active(),
                    item: item(Change::Alert(WatchedAlert {
                        alert: Some(alert.to_wire(caller)),
                        revision: alert.revision,
                        publish_count: alert.publish_count,
                    })),
                });
            }
            Ok(watched)
        })
    }

    fn sent(&mut self, caller: &Caller, id: Uuid) {
        if self.undelivered.remove(&id) {
            self.deliveries.note(AlertId(id), caller.id);
        }
    }

    fn opened(ends: DateTime<Utc>) -> WatchAlertsResponse {
        item(Change::Opened(WatchOpened { end_time: Some(timestamp(ends)) }))
    }

    fn removed(id: Uuid) -> WatchAlertsResponse {
        item(Change::RemovedAlertId(id.to_string()))
    }

    fn live() -> WatchAlertsResponse {
        item(Change::Live(WatchLive {}))
    }

    fn heartbeat(now: DateTime<Utc>) -> WatchAlertsResponse {
        item(Change::Heartbeat(WatchHeartbeat { send_time: Some(timestamp(now)) }))
    }
}

fn item(change: Change) -> WatchAlertsResponse {
    WatchAlertsResponse { change: Some(change) }
}

/// Keeps to whom alerts were delivered (S13): what streams sent meanwhile is written together. What a killed process did not
/// write is sent again by the next stream, and written then.
#[derive(Clone, Default)]
pub(crate) struct Deliveries(Arc<Sent>);

#[derive(Default)]
struct Sent {
    unwritten: Mutex<HashSet<(AlertId, UserId)>>,
    some: Notify,
}

impl Deliveries {
    fn note(&self, alert: AlertId, user: UserId) {
        lock(&self.0.unwritten).insert((alert, user));
        self.0.some.notify_one();
    }

    /// Writes what was sent, until `stop` says so, and then the rest.
    pub(crate) async fn work(self, app: App, mut stop: Stop) {
        loop {
            let stopping = *stop.borrow();
            let sent: Vec<_> = std::mem::take(&mut *lock(&self.0.unwritten)).into_iter().collect();
            if !sent.is_empty()
                && let Err(error) = written(&app, &sent).await
            {
                tracing::warn!(%error, "to whom alerts were delivered could not be written; once more");
                lock(&self.0.unwritten).extend(sent);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = self.0.some.notified() => {}
                _ = stop.changed() => {}
            }
        }
    }
}

async fn written(app: &App, sent: &[(AlertId, UserId)]) -> Result<()> {
    let mut tx = Tx::begin(app.db(), &[]).await?;
    let now = tx.now;
    let mut alerts = HashSet::new();
    for (alert, published) in recipients::delivered(tx.db(), sent, now).await? {
        tx.took(&figures::TIME_TO_DELIVERY, (now - published).to_std().unwrap_or_default());
        if alerts.insert(alert) {
            tx.emit(Topic::AlertChanged, alert, None);
        }
    }
    tx.commit(app.wake()).await
}
