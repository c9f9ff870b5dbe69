//! One partition that is read: where it is, and what of it waits to be handed out. Pure.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

use super::{Isolation, StartPosition, opened::Opened};
use crate::{
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

/// How many answers of a partition wait to be handed out while no more is asked for: one that the application takes
/// next, and one that comes meanwhile.
const WAITING_ANSWERS_MAX: usize = 2;

/// What a partition's log held when its leader last answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOffsets {
    /// The first offset that is still in the log; −1 if the broker does not say.
    pub log_start: i64,
    /// The offset up to which every in-sync replica had everything.
    pub high_watermark: i64,
    /// The offset up to which no transaction was open; −1 if the broker does not say.
    pub last_stable: i64,
}

impl LogOffsets {
    /// Up to where a reader of this isolation may read.
    pub(super) fn end(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadCommitted if self.last_stable >= 0 => self.last_stable,
            _ => self.high_watermark,
        }
    }
}

#[derive(Debug)]
pub(super) struct Reading {
    /// Tells this assignment or seek from an earlier one: an answer to an older question is dropped.
    pub(super) token: u64,
    /// The offset behind what was handed out; none before it was found.
    pub(super) position: Option<i64>,
    /// What is asked for next.
    pub(super) next: Next,
    pub(super) state: State,
    pub(super) paused: bool,
    /// What waits to be handed out, in order.
    pub(super) waiting: VecDeque<Waiting>,
    /// Partitions are asked for in the order of their turns, so that a full answer starves none.
    pub(super) turn: u64,
    pub(super) failures: u32,
    /// How often in a row an answer brought only the beginning of a batch although the partition was the first in it.
    pub(super) cut_short: u32,
    pub(super) log: Option<LogOffsets>,
    /// The id of the topic that the position is in, nil before it is known: another topic of the same name has other records.
    pub(super) topic_id: Uuid,
    /// The position that was not in the log, while another one is looked for.
    pub(super) reset_from: Option<i64>,
    /// Since when the cluster says that the topic does not exist.
    pub(super) missing_since: Option<Instant>,
    /// Since when it brings nothing although it is read, and why.
    pub(super) stall: Option<Stall>,
}

/// Why a partition brings nothing although it is read: its leader cannot be reached, the cluster names none, or what was
/// read before fills the fetch memory. It is tried on without end; who watches decides how long is too long.
#[derive(Clone, Debug)]
pub struct Stall {
    pub(super) since: Instant,
    pub(super) error: Error,
}

impl Stall {
    /// How long it has lasted.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Why, as of the last attempt.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

/// What is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The offset to start at.
    Locate(StartPosition),
    /// Records from this offset on.
    Fetch(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// May be asked for.
    Idle,
    /// Asked for.
    Busy,
    /// May be asked for later.
    Backoff { until: Instant },
    /// Failed for good, until a seek.
    Failed,
}

/// What waits to be handed out.
#[derive(Debug)]
pub(super) enum Waiting {
    Opened(Opened, LogOffsets),
    Reset { from: i64, to: i64 },
    Failed(Error),
}

impl Reading {
    pub(super) fn new(start: StartPosition, token: u64) -> Self {
        let (position, next) = match start {
            StartPosition::Offset(offset) => (Some(offset), Next::Fetch(offset)),
            start => (None, Next::Locate(start)),
        };
        Self {
            token,
            position,
            next,
            state: State::Idle,
            paused: false,
            waiting: VecDeque::new(),
            turn: 0,
            failures: 0,
            cut_short: 0,
            log: None,
            topic_id: Uuid::nil(),
            reset_from: None,
            missing_since: None,
            stall: None,
        }
    }

    /// It cannot be read right now; the stall began with the first such failure.
    pub(super) fn stalled(&mut self, now: Instant, error: impl FnOnce() -> Error) {
        let since = self.stall.as_ref().map_or(now, |stall| stall.since);
        self.stall = Some(Stall { since, error: error() });
    }

    /// Whether it may be asked for now.
    pub(super) fn is_askable(&self, now: Instant) -> bool {
        let is_due = match self.state {
            State::Idle => true,
            State::Backoff { until } => until <= now,
            State::Busy | State::Failed => false,
        };
        is_due && !self.paused && !self.is_full()
    }

    /// Whether the cluster says that the topic is not there, or that there is another one of its name.
    pub(super) fn is_in_doubt(&self) -> bool {
        let is_gone = |stall: &Stall| {
            let code = stall.error.code();
            code.is_some_and(ErrorCode::is_about_a_missing_topic)
        };
        let is_recreated = |waiting: &Waiting| matches!(waiting, Waiting::Failed(error) if matches!(error.kind(), ErrorKind::TopicRecreated { .. }));
        self.missing_since.is_some()
            || self.stall.as_ref().is_some_and(is_gone)
            || self.waiting.iter().any(is_recreated)
    }

    /// Whether it is read on only once the application has taken something of it.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_ANSWERS_MAX
    }

    /// The question was answered; the next one is `next`.
    pub(super) fn answered(&mut self, next: Next) {
        self.next = next;
        self.state = State::Idle;
        self.failures = 0;
        self.missing_since = None;
        self.stall = None;
    }

    /// It may be asked for again after `wait`, which depends on how often it failed in a row.
    pub(super) fn retry(&mut self, now: Instant, wait: impl FnOnce(u32) -> Duration) {
        self.failures = self.failures.saturating_add(1);
        self.state = State::Backoff { until: now + wait(self.failures) };
    }

    /// It may be asked for again at once, unless that did not help last time.
    pub(super) fn hurry(&mut self) {
        if self.failures <= 1 {
            self.state = State::Idle;
        }
    }

    /// The offset to start at was found.
    pub(super) fn located(&mut self, offset: i64) {
        match self.reset_from.take() {
            Some(from) => self.waiting.push_back(Waiting::Reset { from, to: offset }),
            None => self.position = Some(offset),
        }
        self.answered(Next::Fetch(offset));
    }

    /// `from` is not in the log: it goes on at `start`.
    pub(super) fn reset(&mut self, from: i64, start: StartPosition) {
        self.answered(Next::Locate(start));
        self.reset_from = Some(from);
        self.topic_id = Uuid::nil();
    }

    /// An answer brought only the beginning of a batch; how often in a row.
    pub(super) fn was_cut_short(&mut self) -> u32 {
        self.cut_short = self.cut_short.saturating_add(1);
        self.cut_short
    }

    /// It is not asked for again until it is sought; the application hears why behind all that waits.
    pub(super) fn fail(&mut self, error: Error) {
        self.state = State::Failed;
        self.waiting.push_back(Waiting::Failed(error));
    }

    /// Drops what waits, to be asked for again; what cannot be had again stays. Whether anything was dropped.
    pub(super) fn evict(&mut self) -> bool {
        let is_records = |waiting: &Waiting| matches!(waiting, Waiting::Opened(..));
        if self.state == State::Busy
            || self.reset_from.is_some()
            || self.waiting.is_empty()
            || !self.waiting.iter().all(is_records)
        {
            return false;
        }
        self.waiting.clear();
        self.next = Next::Fetch(self.position.unwrap_or_default());
        true
    }
}
