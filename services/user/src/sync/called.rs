//! SyncUsers: a synchronisation as a stream of how far it is.

use std::time::Duration;

use chrono::{DateTime, Utc};
use crewup_proto::user::{SyncUsersRequest, SyncUsersResponse};
use crewup_shared::{
    app::ReadCx,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    live::{Feed, StreamCx},
};
use futures_util::future::BoxFuture;
use tonic::Request;

use super::UserSync;
use crate::model::{Progress, Stage};

/// A sign of life at least so often: how far it was.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// The request, with what is needed to answer it.
pub(crate) struct Asked {
    request: SyncUsersRequest,
    sync: Option<UserSync>,
}

/// Puts them together.
pub(crate) fn with(request: Request<SyncUsersRequest>, sync: Option<&UserSync>) -> Request<Asked> {
    request.map(|request| Asked { request, sync: sync.cloned() })
}

/// SyncUsers (U1, U2, U8, M1).
pub(crate) async fn open(_: &mut ReadCx, asked: &Asked) -> Result<(Syncing, Duration)> {
    let Asked { request, sync } = asked;
    let mut fields = Fields::new();
    let progress = Progress::of_token(&request.resume_token, request.dry_run);
    fields.check("resume_token", progress.is_some(), "is not a token of such a run");
    fields.done()?;
    let sync = sync.clone().ok_or(ErrorReason::SyncNotSetUp)?;
    let so_far = progress.ok_or_else(|| Error::internal("no progress was read"))?;
    Ok((Syncing { sync, so_far, running: None }, HEARTBEAT))
}

/// A run that somebody asked for. It goes on only while it is listened to.
pub(crate) struct Syncing {
    sync: UserSync,
    so_far: Progress,
    /// The part that is under way: it is not begun again where a sign of life comes between.
    running: Option<BoxFuture<'static, Result<Progress>>>,
}

impl Feed for Syncing {
    type Item = SyncUsersResponse;

    fn opened(&self, _: DateTime<Utc>) -> Self::Item {
        told(&self.so_far)
    }

    fn heartbeat(&self, _: DateTime<Utc>) -> Self::Item {
        told(&self.so_far)
    }

    async fn next(&mut self, _: &StreamCx) -> Result<Self::Item> {
        let (sync, so_far) = (&self.sync, self.so_far);
        let running = self.running.get_or_insert_with(|| Box::pin(sync.clone().step(so_far)));
        let done = running.as_mut().await;
        self.running = None;
        self.so_far = done?;
        Ok(told(&self.so_far))
    }

    async fn check(&mut self, _: &StreamCx) -> Result<()> {
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.so_far.stage == Stage::Done
    }
}

fn told(so_far: &Progress) -> SyncUsersResponse {
    SyncUsersResponse {
        read_count: so_far.read,
        created_count: so_far.created,
        updated_count: so_far.updated,
        disabled_count: so_far.disabled,
        gone_count: so_far.gone,
        resume_token: so_far.token(),
    }
}
