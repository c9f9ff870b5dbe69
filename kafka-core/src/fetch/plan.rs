//! Whom to ask for what, now. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    partitions::{Asked, Partitions},
    reading::{Next, Reading},
};
use crate::{
    error::{Error, ErrorKind, Recovery},
    metadata::{Cluster, Topic},
    protocol::ErrorCode,
    topic_partition::TopicPartition,
};

/// A request may ask for this part of the budget, shared by all leaders: the rest is for what waits and for what the
/// application holds, so that the next answer comes while the last one is used.
const PART_OF_BUDGET: usize = 4;

/// The longest throttle time that is believed: a longer one would be a silent stop.
const THROTTLE_MAX: Duration = Duration::from_secs(300);

/// How long a broker may hold a request beside another one, and so how long the two go on side by side.
const SHORT_WAIT: Duration = Duration::from_millis(500);

/// The leaders that are asked, each with one request at a time, and one aside where that one is held for long.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    /// How long each may hold its request.
    asking: BTreeMap<i32, Duration>,
    /// Those with a request aside.
    aside: BTreeSet<i32>,
    not_before: BTreeMap<i32, Instant>,
}

/// What there is to ask.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) questions: Vec<Question>,
    /// The partitions without a leader that we know.
    pub(super) leaderless: Vec<TopicPartition>,
}

/// A request to one leader.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) leader: i32,
    pub(super) fetches: Vec<Asked>,
    pub(super) locates: Vec<Asked>,
    /// How many bytes the answer may have.
    pub(super) max_bytes: usize,
    /// How long the broker may hold it.
    pub(super) wait: Duration,
    /// Whether it goes beside a request that the broker holds, over a connection of its own.
    pub(super) is_aside: bool,
}

/// How much may be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Of the whole budget.
    pub(super) memory: usize,
    /// Of one answer.
    pub(super) answer: usize,
    /// Of one partition in it.
    pub(super) partition: usize,
    /// How long a broker may wait for it.
    pub(super) max_wait: Duration,
}

impl Leaders {
    pub(super) fn asked(&mut self, question: &Question) {
        if question.is_aside {
            self.aside.insert(question.leader);
        } else {
            self.asking.insert(question.leader, question.wait);
        }
    }

    /// It answered, and is to be left alone for a while.
    pub(super) fn answered(&mut self, question: &Question, now: Instant, throttle: Duration) {
        if question.is_aside {
            self.aside.remove(&question.leader);
        } else {
            self.asking.remove(&question.leader);
        }
        self.not_before.insert(question.leader, now + throttle.min(THROTTLE_MAX));
    }

    fn is_free(&self, leader: i32, now: Instant) -> bool {
        !self.asking.contains_key(&leader) && self.may_be_asked(leader, now)
    }

    /// Whether it may hold a request for long, and has none aside. What can be asked then was not to be asked when that
    /// request was sent: partitions that were assigned, sought or resumed since, or that failed.
    fn has_side(&self, leader: i32, now: Instant) -> bool {
        let is_held = self.asking.get(&leader).is_some_and(|wait| *wait > SHORT_WAIT);
        is_held && !self.aside.contains(&leader) && self.may_be_asked(leader, now)
    }

    fn may_be_asked(&self, leader: i32, now: Instant) -> bool {
        self.not_before.get(&leader).is_none_or(|at| *at <= now)
    }

    /// How long it may hold a request: not for long beside another one, so that the two become one soon.
    fn wait(&self, leader: i32, is_aside: bool, max_wait: Duration) -> Duration {
        if is_aside || self.aside.contains(&leader) { max_wait.min(SHORT_WAIT) } else { max_wait }
    }

    /// When a leader that is left alone may be asked again.
    pub(super) fn next_look(&mut self, now: Instant) -> Option<Instant> {
        self.not_before.retain(|_, at| *at > now);
        self.not_before.values().min().copied()
    }
}

/// What there is to ask: of each free leader, all partitions that it leads.
pub(super) fn plan(partitions: &Partitions, leaders: &Leaders, cluster: &Cluster, sizes: Sizes, now: Instant) -> Plan {
    let mut plan = Plan::default();
    // A broker holds a request that brings nothing: those that could bring something would wait behind it.
    let busy: BTreeSet<i32> = partitions.full().filter_map(|partition| cluster.leader(partition)).collect();
    let mut by_leader: BTreeMap<i32, (Vec<Asked>, Vec<Asked>)> = BTreeMap::new();
    for asked in partitions.askable(now) {
        let Some(leader) = cluster.leader(&asked.topic_partition) else {
            plan.leaderless.push(asked.topic_partition);
            continue;
        };
        let (fetches, locates) = by_leader.entry(leader).or_default();
        match asked.next {
            Next::Locate(_) => locates.push(asked),
            Next::Fetch(_) if leaders.is_free(leader, now) && !busy.contains(&leader) => fetches.push(asked),
            Next::Fetch(_) if leaders.has_side(leader, now) => fetches.push(asked),
            Next::Fetch(_) => {}
        }
    }
    let led: BTreeSet<i32> = partitions.assigned().filter_map(|partition| cluster.leader(partition)).collect();
    let share = (sizes.memory / PART_OF_BUDGET / led.len().max(1)).clamp(1, sizes.answer);
    for (leader, (fetches, locates)) in by_leader {
        if !fetches.is_empty() || !locates.is_empty() {
            let max_bytes = share.min(sizes.partition.saturating_mul(fetches.len()));
            let is_aside = !leaders.is_free(leader, now);
            let wait = leaders.wait(leader, is_aside, sizes.max_wait);
            plan.questions.push(Question { leader, fetches, locates, max_bytes, wait, is_aside });
        }
    }
    plan
}

/// Why a partition cannot be asked for any more, as far as the cluster's description says so.
pub(super) fn lost_cause(
    partition: &TopicPartition,
    reading: &mut Reading,
    cluster: &Cluster,
    now: Instant,
    patience: Duration,
) -> Option<Error> {
    let topic = cluster.topic(partition.topic())?;
    if let Some(offset) = recreated(reading, topic) {
        let topic_partition = partition.clone();
        return Some(Error::new(ErrorKind::TopicRecreated { topic_partition, offset }));
    }
    let Some(code) = topic.error() else {
        reading.missing_since = None;
        return None;
    };
    if matches!(code.recovery(), Recovery::Retry | Recovery::RefreshMetadata) {
        // It may have been created just now, and not be known everywhere.
        let is_missing = code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION || code == ErrorCode::UNKNOWN_TOPIC_ID;
        let since = *reading.missing_since.get_or_insert(now);
        if !is_missing || now.saturating_duration_since(since) < patience {
            return None;
        }
    }
    let topic_partition = Some(partition.clone());
    Some(Error::new(ErrorKind::Broker { code, api: "Metadata", topic_partition, message: None }))
}

/// Where the reader was in a topic that is not there any more, if another one of its name is.
fn recreated(reading: &Reading, topic: &Topic) -> Option<i64> {
    let differs = topic.error().is_none() && topic.id() != reading.topic_id;
    let (before, after) = (reading.topic_id != Uuid::nil(), topic.id() != Uuid::nil());
    match reading.next {
        Next::Fetch(offset) if differs && before && after => Some(offset),
        _ => None,
    }
}
