//! Answers that may be large, of which a process makes only some at once: a page of the longest texts is 1.5 MB, and as many of
//! them as there may be calls in flight are more memory than a service has (ADR 26).

use std::{sync::Arc, time::Duration};

use http::Response;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;

use crate::error::{Error, ErrorReason, Result};

/// So long a call waits for a place: half of what it may wait for a connection, which comes after.
const WAIT: Duration = Duration::from_millis(500);

/// The places of a process.
pub(crate) struct Bulkhead(Arc<Semaphore>);

/// A place.
pub(crate) struct Place(OwnedSemaphorePermit);

impl Bulkhead {
    /// A third more places than `connections` to the database: while some answers go out, the next are read.
    pub(crate) fn new(connections: u16) -> Self {
        let connections = usize::from(connections);
        Self(Arc::new(Semaphore::new(connections + connections.div_ceil(3))))
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// OVERLOADED: there was none in time.
    pub(crate) async fn enter(&self) -> Result<Place> {
        let place = tokio::time::timeout(WAIT, Arc::clone(&self.0).acquire_owned()).await;
        let full = |_| {
            let error = Error::from(ErrorReason::Overloaded).because("too many large answers are under way");
            error.retry_after(Duration::from_millis(250))
        };
        Ok(Place(place.map_err(full)?.map_err(Error::internal)?))
    }
}

impl Place {
    /// Keeps the place until the answer was taken over by the connection, or nobody wants it any more.
    pub(crate) fn until_sent(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _kept = &self.0;
                frame
            }))
        })
    }
}
