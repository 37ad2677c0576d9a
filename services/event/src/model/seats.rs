//! Who gets a seat (E8-E13). Decided under the lock of the event's row in `event_seats`.

use crewup_shared::error::{ErrorReason, Result};

use super::{Event, Status};

/// What happens to a person's place in the waitlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Keep,
    Join,
    Leave,
}

/// What is written: by how much each counter moves, and the person's new answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) going: i32,
    pub(crate) interested: i32,
    /// None: the answer held before stays (E10).
    pub(crate) status: Option<Status>,
    pub(crate) queue: Queue,
}

impl Change {
    /// By how much the number of waiters moves.
    pub(crate) fn waiting(&self) -> i32 {
        match self.queue {
            Queue::Keep => 0,
            Queue::Join => 1,
            Queue::Leave => -1,
        }
    }

    /// Whether a seat becomes free.
    pub(crate) fn frees(&self) -> bool {
        self.going < 0
    }
}

/// What an answer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: it is so already (E9).
    Unchanged,
    /// The counters and the answer change.
    Changed(Change),
}

/// What comes of `wanted` for the viewer of `event`, whose row of seats is locked.
pub(crate) fn answer(event: &Event, wanted: Status) -> Result<Answer> {
    let held = event.my_status();
    let waits = event.my_position.is_some();
    if held == Some(wanted) && !waits || wanted == Status::Going && waits {
        return Ok(Answer::Unchanged);
    }
    event.must_not_be_over()?;
    // Leaving a cancelled event is allowed (E16).
    if wanted != Status::NotGoing {
        event.must_take_place()?;
    }
    // Free seats are 0 while anyone waits (E11).
    if wanted == Status::Going && event.free_seats() == Some(0) {
        // The waitlist is void from the start on (E13).
        let seat_beside_waiters = event.capacity.is_some_and(|capacity| event.going < capacity);
        // Where a seat is free and the waiters cannot take it (banned for a while), the newcomer is promoted at once.
        let can_wait = (event.waitlist_enabled || seat_beside_waiters) && !event.has_started();
        if !can_wait {
            return Err(ErrorReason::EventFull.into());
        }
        return Ok(Answer::Changed(Change { going: 0, interested: 0, status: None, queue: Queue::Join }));
    }
    Ok(Answer::Changed(Change {
        going: i32::from(wanted == Status::Going) - i32::from(held == Some(Status::Going)),
        interested: i32::from(wanted == Status::Interested) - i32::from(held == Some(Status::Interested)),
        status: Some(wanted),
        queue: if waits { Queue::Leave } else { Queue::Keep },
    }))
}

/// How many seats the first in the waitlist may take once `change` is made (E12): none from the start on, when the waitlist
/// is void (E13), and none of a cancelled event.
pub(crate) fn freed(event: &Event, change: &Change) -> i64 {
    let waiting = event.waiting + change.waiting();
    if waiting <= 0 || event.has_started() || event.is_cancelled {
        return 0;
    }
    event.capacity.map_or(waiting, |capacity| (capacity - event.going - change.going).clamp(0, waiting)).into()
}
