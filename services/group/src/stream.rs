//! The open chat: StreamGroup and SendTyping (C4-C6, C11).

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use crewup_proto::group::{stream_group_response::Change, timeline_entry::Content, *};
use crewup_shared::{
    app::ReadCx,
    convert::timestamp,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{GroupId, UserId},
    live::{Feed, StreamCx, WakeUp, heartbeat},
};
use tokio::sync::watch;

use crate::{
    access,
    model::Position,
    rooms::{After, Room, Rooms},
    store::{self, timeline},
};

/// So many entries are taken from the table at once by who is behind.
const BITE: i64 = 100;
/// So many are taken from the room at once.
const HANDFUL: usize = 32;
/// Who is so many entries behind, having been at the end before, is cut off: it does not read (C5).
const HOPELESS: i64 = 1000;

/// A request, with the rooms.
pub(crate) struct At<Req> {
    pub(crate) request: Req,
    pub(crate) rooms: Rooms,
}

/// StreamGroup (C4).
pub(crate) async fn open(cx: &mut ReadCx, at: &At<StreamGroupRequest>) -> Result<(ChatFeed, Duration)> {
    let (caller, req) = (cx.caller.id, &at.request);
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let after = req.after_sequence;
    fields.check("after_sequence", after.is_none_or(|after| after >= 0), "must be 0 or more");
    let heartbeat = heartbeat(&mut fields, req.heartbeat_seconds);
    fields.done()?;

    let crew = store::crews::get(cx.db(), caller, id).await?;
    access::member(&crew)?;
    let after = after.unwrap_or(crew.last_sequence);
    Position::After(after).must_be_in(crew.last_sequence)?;
    // From where there is something: the stream says so as it opens (G10).
    let after = match after < crew.last_sequence {
        true => after.max(timeline::forgotten(cx.db(), id).await?),
        false => after,
    };
    Ok((
        ChatFeed::new(at.rooms.join(cx.live(), id, crew.last_sequence), id, caller, after, crew.last_sequence),
        heartbeat,
    ))
}

/// SendTyping (C11).
pub(crate) async fn send_typing(cx: &mut ReadCx, at: &At<SendTypingRequest>) -> Result<SendTypingResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &at.request.group_id);
    fields.done()?;

    let crew = store::crews::get(cx.db(), caller, id).await?;
    access::member(&crew)?;
    crew.must_be_open()?;
    at.rooms.may_type(id, caller)?;
    cx.live().tell(WakeUp { key: id.0, by: Some(caller.0) });
    Ok(SendTypingResponse {})
}

/// What one member is sent of a crew: everything after a number, in order and once.
pub(crate) struct ChatFeed {
    room: Arc<Room>,
    changes: watch::Receiver<u64>,
    crew: GroupId,
    viewer: UserId,
    /// The number of the last entry that was sent.
    cursor: i64,
    /// The newest number at the opening. None: the marker was sent.
    until: Option<i64>,
    /// Up to which change of the room it was sent who is writing.
    typing: u64,
    ready: VecDeque<Arc<TimelineEntry>>,
}

impl ChatFeed {
    fn new(room: Arc<Room>, crew: GroupId, viewer: UserId, cursor: i64, until: i64) -> Self {
        let changes = room.changes();
        Self { room, changes, crew, viewer, cursor, until: Some(until), typing: 0, ready: VecDeque::new() }
    }

    /// Reads on from the table, at the reader's own pace.
    async fn read(&mut self, cx: &StreamCx) -> Result<()> {
        let mut lease = cx.lease().await?;
        let news = timeline::news(&mut lease, &[(self.crew, self.cursor)], BITE).await?;
        lease.back();
        for (next, entry) in (self.cursor + 1..).zip(news.into_iter().filter_map(|one| one.entry)) {
            if entry.sequence != next {
                break;
            }
            self.ready.push_back(Arc::new(entry.to_wire(self.crew)?));
        }
        // It is behind, and what comes next is not there: it was forgotten meanwhile. The next stream opens after it.
        if self.ready.is_empty() {
            return Err(ErrorReason::StreamMoved.into());
        }
        Ok(())
    }

    fn ends_with(&self, entry: &TimelineEntry) -> bool {
        let gone = match &entry.content {
            Some(Content::MemberLeft(left)) => left.person.as_ref(),
            Some(Content::MemberRemoved(removed)) => removed.person.as_ref(),
            _ => None,
        };
        gone.is_some_and(|person| person.user_id == self.viewer.to_string())
    }

    async fn must_be_member(&self, cx: &StreamCx) -> Result<()> {
        let mut lease = cx.lease().await?;
        let crew = store::crews::get(&mut lease, self.viewer, self.crew).await?;
        lease.back();
        access::member(&crew)
    }
}

impl Feed for ChatFeed {
    type Item = StreamGroupResponse;

    fn opened(&self, ends: DateTime<Utc>) -> StreamGroupResponse {
        item(Change::Opened(StreamOpened { end_time: Some(timestamp(ends)), after_sequence: self.cursor }))
    }

    fn heartbeat(&self, now: DateTime<Utc>) -> StreamGroupResponse {
        item(Change::Heartbeat(StreamHeartbeat { send_time: Some(timestamp(now)), sequence: self.cursor }))
    }

    async fn next(&mut self, cx: &StreamCx) -> Result<StreamGroupResponse> {
        loop {
            if let Some(entry) = self.ready.front() {
                if self.ends_with(entry) {
                    // It may be of an earlier time: who is a member again reads on.
                    cx.apart(self.must_be_member(cx)).await?;
                }
                if let Some(entry) = self.ready.pop_front() {
                    self.cursor = entry.sequence;
                    return Ok(item(Change::Entry(TimelineEntry::clone(&entry))));
                }
            }
            // Before looking: what happens from here on is seen below.
            self.changes.borrow_and_update();
            match self.room.after(self.cursor, HANDFUL) {
                After::Entries(entries) => self.ready.extend(entries),
                After::Older(behind) if self.until.is_none() && behind > HOPELESS => {
                    return Err(ErrorReason::SlowReader.into());
                }
                After::Older(_) => cx.apart(self.read(cx)).await?,
                After::Archived => {
                    cx.apart(self.must_be_member(cx)).await?;
                    return Err(ErrorReason::NotMember.into());
                }
                After::Nothing => {
                    if self.until.take_if(|until| *until <= self.cursor).is_some() {
                        return Ok(item(Change::Live(StreamLive { sequence: self.cursor })));
                    }
                    if self.until.is_none()
                        && let Some((change, typing)) = self.room.typing_after(self.typing, self.viewer)
                    {
                        self.typing = change;
                        return Ok(item(Change::Typing(typing)));
                    }
                    let _ = self.changes.changed().await;
                }
            }
        }
    }

    async fn check(&mut self, cx: &StreamCx) -> Result<()> {
        cx.apart(self.must_be_member(cx)).await
    }

    fn ended(&self, error: Error) -> Error {
        error.resume_after(self.cursor)
    }
}

fn item(change: Change) -> StreamGroupResponse {
    StreamGroupResponse { change: Some(change) }
}
