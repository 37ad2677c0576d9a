//! Open streams, item by item.

use std::{fmt::Debug, time::Duration};

use crewup_proto::{
    event::{WatchEventsRequest, WatchEventsResponse, watch_events_response},
    group::{
        SendTypingRequest, StreamGroupRequest, StreamGroupResponse, TimelineEntry, stream_group_response as chat,
        timeline_entry::Content,
    },
    safety::{WatchAlertsRequest, WatchAlertsResponse, watch_alerts_response},
};
use tonic::{Status, Streaming};

use super::Persona;

/// Longer than anything on a stream may take.
const SOON: Duration = Duration::from_secs(10);

/// An open stream.
pub struct Live<T>(Streaming<T>);

impl<T: Debug> Live<T> {
    /// The next item, or how the stream ended. Fails if neither comes.
    pub async fn next(&mut self) -> Result<T, Status> {
        let next = tokio::time::timeout(SOON, self.0.message()).await.expect("something on the stream")?;
        Ok(next.expect("a stream ends with a status"))
    }

    /// How the stream ends, whatever comes before. Fails if it does not.
    pub async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }

    /// Whether nothing comes for this time.
    pub async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.0.message()).await.is_err()
    }
}

impl Live<StreamGroupResponse> {
    /// The next item.
    pub async fn change(&mut self) -> chat::Change {
        self.next().await.expect("an item").change.expect("one of them")
    }

    /// The next entry; nothing else but heartbeats may come before it.
    pub async fn entry(&mut self) -> TimelineEntry {
        loop {
            match self.change().await {
                chat::Change::Entry(entry) => return entry,
                chat::Change::Heartbeat(_) => {}
                other => panic!("{other:?} instead of an entry"),
            }
        }
    }

    /// The next entry's message.
    pub async fn text(&mut self) -> String {
        match self.entry().await.content {
            Some(Content::Message(message)) => message.content,
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// Everything up to the marker; the numbers of the entries.
    pub async fn history(&mut self) -> Vec<i64> {
        let chat::Change::Opened(opened) = self.change().await else { panic!("the first thing is where it stands") };
        let mut numbers = Vec::new();
        loop {
            match self.change().await {
                chat::Change::Entry(entry) => numbers.push(entry.sequence),
                chat::Change::Live(live) => {
                    assert_eq!(live.sequence, numbers.last().copied().unwrap_or(opened.after_sequence));
                    return numbers;
                }
                other => panic!("{other:?} before the marker"),
            }
        }
    }
}

impl Live<WatchEventsResponse> {
    /// The next item.
    pub async fn change(&mut self) -> watch_events_response::Change {
        self.next().await.expect("an item").change.expect("one of them")
    }
}

impl Live<WatchAlertsResponse> {
    /// The next item.
    pub async fn change(&mut self) -> watch_alerts_response::Change {
        self.next().await.expect("an item").change.expect("one of them")
    }
}

impl Persona {
    /// Opens the chat of a crew after a number; None: only what is new.
    pub async fn listen(&self, crew: &str, after: Option<i64>) -> Result<Live<StreamGroupResponse>, Status> {
        let request = StreamGroupRequest { group_id: crew.into(), after_sequence: after, ..Default::default() };
        self.listen_as(request).await
    }

    /// Opens the chat of a crew as `request` says.
    pub async fn listen_as(&self, request: StreamGroupRequest) -> Result<Live<StreamGroupResponse>, Status> {
        Ok(Live(self.groups().stream_group(request).await?.into_inner()))
    }

    /// As [`Persona::listen`], past the marker.
    pub async fn listening(&self, crew: &str) -> Live<StreamGroupResponse> {
        let mut live = self.listen(crew, None).await.expect("a stream");
        live.history().await;
        live
    }

    /// Says to be writing.
    pub async fn types(&self, crew: &str) -> Result<(), Status> {
        self.groups().send_typing(SendTypingRequest { group_id: crew.into() }).await.map(drop)
    }

    /// Watches the own events.
    pub async fn watch_events(&self) -> Result<Live<WatchEventsResponse>, Status> {
        Ok(Live(self.events().watch_events(WatchEventsRequest::default()).await?.into_inner()))
    }

    /// Watches the alerts.
    pub async fn watch_alerts(&self) -> Result<Live<WatchAlertsResponse>, Status> {
        Ok(Live(self.safety().watch_alerts(WatchAlertsRequest::default()).await?.into_inner()))
    }
}
