//! What clients did and what the log holds at the end, for one topic.
//!
//! The rules follow Jepsen's Kafka checker: an outcome is *acked*, *failed* or *unknown*, and the difference between
//! the last two is half the test: who says "failed" promises that the record is in no log.

mod check;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use check::{Report, Violation};

/// A partition and an offset in it.
pub type Place = (i32, i64);

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The broker has the record there; it does not say the offset of one that it knew already.
    Acked(i32, Option<i64>),
    /// The client says that the record is nowhere.
    Failed,
    /// Nobody knows, or the sender did not live to hear it.
    Unknown,
}

#[derive(Clone, Debug)]
struct Send {
    process: u32,
    value: String,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
struct Poll {
    process: u32,
    assignment: u32,
    place: Place,
    value: String,
}

/// All that happened. Values are unique: a value sent twice is two writes that nothing can tell apart.
#[derive(Clone, Debug, Default)]
struct Events {
    sends: Vec<Send>,
    polls: Vec<Poll>,
    assignments: BTreeMap<u32, u32>,
    log: BTreeMap<Place, String>,
}

/// Records what happens. Cloning shares the record.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Events>>);

impl History {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// `process` begins to send `value`; its sends are ordered as they are begun.
    pub fn send(&self, process: u32, value: impl Into<String>) -> Sending {
        let mut events = self.events();
        events.sends.push(Send { process, value: value.into(), outcome: Outcome::Unknown });
        Sending { history: self.clone(), index: events.sends.len() - 1 }
    }

    /// `process` reads under a new assignment: it may go back to where the group committed.
    pub fn assigned(&self, process: u32) {
        *self.events().assignments.entry(process).or_default() += 1;
    }

    /// `process` was given the record at `partition` and `offset`.
    pub fn polled(&self, process: u32, partition: i32, offset: i64, value: impl Into<String>) {
        let mut events = self.events();
        let assignment = events.assignments.get(&process).copied().unwrap_or_default();
        events.polls.push(Poll { process, assignment, place: (partition, offset), value: value.into() });
    }

    /// The log holds `value` at `partition` and `offset`, as read once all was over.
    pub fn logged(&self, partition: i32, offset: i64, value: impl Into<String>) {
        self.events().log.insert((partition, offset), value.into());
    }

    /// Judges the sends by the log.
    pub fn check_sends(&self) -> Report {
        check::sends(&self.events())
    }

    /// Judges the polls by the log: all of it must have been given to somebody.
    pub fn check_polls(&self) -> Report {
        check::polls(&self.events())
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A send that has begun. Dropped without an outcome it stays unknown.
#[derive(Debug)]
#[must_use = "a send has an outcome"]
pub struct Sending {
    history: History,
    index: usize,
}

impl Sending {
    /// The broker acknowledged it there.
    pub fn acked(self, partition: i32, offset: Option<i64>) {
        self.end(Outcome::Acked(partition, offset));
    }

    /// The client gave up; `maybe_applied` is what it says about the effect.
    pub fn gave_up(self, maybe_applied: bool) {
        self.end(if maybe_applied { Outcome::Unknown } else { Outcome::Failed });
    }

    fn end(self, outcome: Outcome) {
        if let Some(send) = self.history.events().sends.get_mut(self.index) {
            send.outcome = outcome;
        }
    }
}
