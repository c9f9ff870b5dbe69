//! Commits, one at a time and in order, so that a repeated one never lands after a newer one.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use ottla_kafka_core::{Error, ErrorCode, ErrorKind, Recovery, TopicPartition};
use tokio::sync::oneshot;

use crate::offsets::Offsets;

/// What became of each partition's commit.
pub(crate) type Outcomes = BTreeMap<TopicPartition, Result<(), Error>>;

const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The commits that have no outcome yet.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    waiting: VecDeque<Commit>,
    in_flight: bool,
}

#[derive(Debug)]
struct Commit {
    /// The generation in which it was asked for: it is sent in no other.
    generation: i32,
    left: Offsets,
    outcomes: Outcomes,
    deadline: Duration,
    limit: Duration,
    not_before: Duration,
    last_error: Option<Error>,
    maybe_applied: bool,
    reply: oneshot::Sender<Outcomes>,
}

/// What an answer to a commit taught.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) committed: Offsets,
    /// What the membership should know.
    pub(crate) trouble: Option<Error>,
}

impl Commits {
    /// Takes a commit; `outcomes` holds what has failed already.
    pub(crate) fn push(
        &mut self,
        now: Duration,
        limit: Duration,
        generation: i32,
        offsets: Offsets,
        outcomes: Outcomes,
        reply: oneshot::Sender<Outcomes>,
    ) {
        let deadline = now.saturating_add(limit);
        let (last_error, maybe_applied, not_before) = (None, false, now);
        let left = offsets;
        let commit =
            Commit { generation, left, outcomes, deadline, limit, not_before, last_error, maybe_applied, reply };
        if commit.left.is_empty() {
            return commit.finish();
        }
        self.waiting.push_back(commit);
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ends those that cannot be sent any more: the generation is over, or the time.
    pub(crate) fn expire(&mut self, now: Duration, generation: Option<i32>) {
        let kept = usize::from(self.in_flight);
        let mut index = kept;
        while let Some(commit) = self.waiting.get(index) {
            let error = if generation != Some(commit.generation) {
                Some(stale("given up: its generation is over"))
            } else {
                (commit.deadline <= now).then(|| commit.timeout())
            };
            match error.and_then(|error| Some((self.waiting.remove(index)?, error))) {
                Some((commit, error)) => commit.fail(&error),
                None => index += 1,
            }
        }
    }

    /// Refuses what is to be committed of partitions whose topic may be another one by now: an offset of a topic that
    /// was deleted would skip records of the one that takes its name.
    pub(crate) fn refuse(&mut self, doubted: &BTreeSet<TopicPartition>) {
        let sent = usize::from(self.in_flight);
        let mut index = 0;
        while let Some(commit) = self.waiting.get_mut(index) {
            commit.refuse(doubted, index < sent);
            if !commit.left.is_empty() || index < sent {
                index += 1;
            } else if let Some(commit) = self.waiting.remove(index) {
                commit.finish();
            }
        }
    }

    /// The next to be sent, if it is time, and how long it may take; in flight until [`answered`](Self::answered).
    pub(crate) fn take(&mut self, now: Duration) -> Option<(Offsets, Duration)> {
        let next = self.waiting.front().filter(|next| !self.in_flight && next.not_before <= now)?;
        self.in_flight = true;
        Some((next.left.clone(), next.deadline.saturating_sub(now)))
    }

    /// When to look again, if nothing happens before.
    pub(crate) fn due(&self, can_send: bool) -> Option<Duration> {
        let next = self.waiting.front().filter(|_| !self.in_flight)?;
        Some(if can_send { next.not_before.min(next.deadline) } else { next.deadline })
    }

    /// The answer to the one in flight.
    pub(crate) fn answered(
        &mut self,
        now: Duration,
        answer: Result<BTreeMap<TopicPartition, ErrorCode>, Error>,
    ) -> Learned {
        self.in_flight = false;
        let mut learned = Learned::default();
        let Some(mut commit) = self.waiting.pop_front() else { return learned };
        match answer {
            Ok(codes) => commit.settle(codes, &mut learned),
            Err(error) => {
                commit.maybe_applied |= error.maybe_applied();
                learned.trouble = Some(error.clone());
                if !error.is_retriable() {
                    commit.fail(&error);
                    return learned;
                }
                commit.last_error = Some(error);
            }
        }
        if commit.left.is_empty() {
            commit.finish();
        } else {
            commit.not_before = now.saturating_add(RETRY_DELAY);
            self.waiting.push_front(commit);
        }
        learned
    }
}

impl Commit {
    /// Notes the outcome of each partition; those that may succeed later stay.
    fn settle(&mut self, codes: BTreeMap<TopicPartition, ErrorCode>, learned: &mut Learned) {
        for (tp, code) in codes {
            let error = error_of(&tp, code);
            if !code.is_none() && learned.trouble.is_none() {
                learned.trouble = Some(error.clone());
            }
            // A topic that is not there (any more) would hold up the commits of all others.
            if let Recovery::Retry | Recovery::FindCoordinator = error.recovery()
                && !code.is_none()
            {
                self.last_error = Some(error);
                continue;
            }
            let Some(offset) = self.left.remove(&tp) else { continue };
            if code.is_none() {
                learned.committed.insert(tp.clone(), offset);
                self.outcomes.insert(tp, Ok(()));
            } else {
                self.outcomes.insert(tp, Err(error));
            }
        }
    }

    fn refuse(&mut self, doubted: &BTreeSet<TopicPartition>, is_sent: bool) {
        for (tp, _) in self.left.extract_if(.., |tp, _| doubted.contains(tp)) {
            let message = Some("given up: its topic is gone, or was made anew".to_owned());
            let (code, api, topic_partition) = (ErrorCode::UNKNOWN_TOPIC_ID, "OffsetCommit", Some(tp.clone()));
            let refused = Error::new(ErrorKind::Broker { code, api, topic_partition, message });
            self.outcomes.insert(tp, Err(refused.with_maybe_applied(is_sent || self.maybe_applied)));
        }
    }

    fn timeout(&self) -> Error {
        let timeout = Error::new(ErrorKind::Timeout { what: "OffsetCommit".to_owned(), after: self.limit });
        match &self.last_error {
            Some(last) => timeout.with_source(last.clone()),
            None => timeout,
        }
    }

    fn fail(mut self, error: &Error) {
        let error = error.clone().with_maybe_applied(self.maybe_applied || error.maybe_applied());
        for tp in std::mem::take(&mut self.left).into_keys() {
            self.outcomes.insert(tp, Err(error.clone()));
        }
        self.finish();
    }

    fn finish(self) {
        // Who asked may have stopped waiting.
        let _ = self.reply.send(self.outcomes);
    }
}

fn error_of(tp: &TopicPartition, code: ErrorCode) -> Error {
    Error::new(ErrorKind::Broker { code, api: "OffsetCommit", topic_partition: Some(tp.clone()), message: None })
}

/// A commit that is not sent (again), because what it commits is not this member's any more.
pub(crate) fn stale(why: &str) -> Error {
    let message = Some(why.to_owned());
    let code = ErrorCode::ILLEGAL_GENERATION;
    Error::new(ErrorKind::Broker { code, api: "OffsetCommit", topic_partition: None, message })
}
