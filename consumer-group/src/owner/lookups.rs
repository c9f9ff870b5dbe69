//! Where reading of a partition starts: committed offset, an end of the log, or where it was.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{BrokerAddr, Error, ErrorKind, StartPosition, TopicPartition};

use crate::{coordinator::Requests, event::Assigned, offsets::OffsetAndMetadata, start::LogPlace};

/// The delay after a failure that time heals, and after one that somebody must see to.
const RETRY_DELAY: Duration = Duration::from_millis(250);
const REPORT_DELAY: Duration = Duration::from_secs(10);

/// How a partition's position is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the committed offset, or else at the log's start.
    Committed,
    /// At this place of the log.
    At(LogPlace),
    /// At this offset.
    Offset(i64),
    /// At this offset, once more: nothing to look up.
    Again(i64),
}

impl From<StartPosition> for Start {
    fn from(start: StartPosition) -> Self {
        match start {
            StartPosition::Offset(offset) => Self::Offset(offset),
            StartPosition::Earliest => Self::At(LogPlace::Start),
            StartPosition::Latest => Self::At(LogPlace::End),
            StartPosition::Timestamp(ms) => Self::At(LogPlace::At(ms)),
        }
    }
}

/// The partitions without a position.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    pending: BTreeMap<TopicPartition, Lookup>,
    in_flight: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lookup {
    start: Start,
    due: Duration,
}

/// What a round of lookups found.
#[derive(Debug, Default)]
pub(crate) struct Located {
    pub(crate) found: Vec<Assigned>,
    pub(crate) failed: Vec<(TopicPartition, Error)>,
    /// What the coordinator said, or that it said nothing.
    pub(crate) trouble: Option<Error>,
}

impl Lookups {
    pub(crate) fn add(&mut self, tp: TopicPartition, start: Start, due: Duration) {
        self.pending.insert(tp, Lookup { start, due });
    }

    /// The partition goes on where it failed, in a while: what is wrong there somebody must see to.
    pub(crate) fn add_again(&mut self, tp: TopicPartition, offset: i64, now: Duration) {
        self.add(tp, Start::Again(offset), now.saturating_add(REPORT_DELAY));
    }

    /// Whether the partition still waited.
    pub(crate) fn remove(&mut self, tp: &TopicPartition) -> bool {
        self.pending.remove(tp).is_some()
    }

    /// The caller drops what is in flight.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Those that are due, to be looked up together.
    pub(crate) fn take(&mut self, now: Duration) -> Vec<(TopicPartition, Start)> {
        if self.in_flight {
            return Vec::new();
        }
        let due = self.pending.iter().filter(|(_, lookup)| lookup.due <= now);
        let taken: Vec<_> = due.map(|(tp, lookup)| (tp.clone(), lookup.start)).collect();
        self.in_flight = !taken.is_empty();
        taken
    }

    /// Those that are due to go on where they were.
    pub(crate) fn take_again(&mut self, now: Duration) -> Vec<(TopicPartition, i64)> {
        let again = |lookup: &Lookup| match lookup.start {
            Start::Again(offset) if lookup.due <= now => Some(offset),
            _ => None,
        };
        let taken: Vec<_> = self.pending.iter().filter_map(|(tp, l)| Some((tp.clone(), again(l)?))).collect();
        self.pending.retain(|_, lookup| again(lookup).is_none());
        taken
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        if self.in_flight { None } else { self.pending.values().map(|lookup| lookup.due).min() }
    }

    /// Keeps what was found of those still wanted; returns the errors that the application should see.
    pub(crate) fn answered(&mut self, now: Duration, located: &mut Located) -> Vec<Error> {
        self.in_flight = false;
        located.found.retain(|found| self.pending.remove(&found.topic_partition).is_some());
        let mut reports = Vec::new();
        for (tp, error) in &located.failed {
            let Some(lookup) = self.pending.get_mut(tp) else { continue };
            tracing::debug!(topic_partition = %tp, %error, "no position yet");
            let heals = error.is_retriable();
            lookup.due = now.saturating_add(if heals { RETRY_DELAY } else { REPORT_DELAY });
            if !heals {
                reports.push(error.clone());
            }
        }
        reports
    }
}

/// Finds positions; one attempt.
pub(crate) async fn locate<R: Requests>(
    requests: Arc<R>,
    coordinator: Option<BrokerAddr>,
    wanted: Vec<(TopicPartition, Start)>,
) -> Located {
    let mut located = Located::default();
    let of = |start: Start| -> Vec<TopicPartition> {
        wanted.iter().filter(|(_, other)| *other == start).map(|(tp, _)| tp.clone()).collect()
    };
    let mut places: BTreeMap<LogPlace, Vec<TopicPartition>> = BTreeMap::new();
    for (topic_partition, start) in &wanted {
        let topic_partition = topic_partition.clone();
        match *start {
            Start::At(place) => places.entry(place).or_default().push(topic_partition),
            Start::Offset(position) => located.found.push(Assigned { topic_partition, position, committed: None }),
            Start::Committed | Start::Again(_) => {}
        }
    }
    let committed = of(Start::Committed);
    if let Some(coordinator) = coordinator.filter(|_| !committed.is_empty()) {
        let answer = requests.committed(coordinator, committed.clone()).await;
        places.entry(LogPlace::Start).or_default().extend(located.committed(committed, answer));
    }
    for (place, partitions) in places.into_iter().filter(|(_, partitions)| !partitions.is_empty()) {
        let answer = requests.log_offsets(partitions.clone(), place).await;
        located.log_offsets(partitions, answer);
    }
    located
}

impl Located {
    /// Returns the partitions without a committed offset.
    fn committed(
        &mut self,
        asked: Vec<TopicPartition>,
        answer: Result<crate::offsets::Committed, Error>,
    ) -> Vec<TopicPartition> {
        let committed = match answer {
            Ok(committed) => committed,
            Err(error) => {
                self.failed.extend(asked.into_iter().map(|tp| (tp, error.clone())));
                self.trouble = Some(error);
                return Vec::new();
            }
        };
        let mut without = Vec::new();
        for (tp, committed) in committed {
            match committed {
                Ok(Some(offset)) => self.found.push(at_committed(tp, offset)),
                Ok(None) => without.push(tp),
                Err(code) => {
                    let (api, topic_partition, message) = ("OffsetFetch", Some(tp.clone()), None);
                    self.failed.push((tp, Error::new(ErrorKind::Broker { code, api, topic_partition, message })));
                }
            }
        }
        without
    }

    fn log_offsets(
        &mut self,
        asked: Vec<TopicPartition>,
        answer: Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error>,
    ) {
        let mut answer = match answer {
            Ok(offsets) => offsets,
            Err(error) => return self.failed.extend(asked.into_iter().map(|tp| (tp, error.clone()))),
        };
        for topic_partition in asked {
            match answer.remove(&topic_partition) {
                Some(Ok(position)) => self.found.push(Assigned { topic_partition, position, committed: None }),
                Some(Err(error)) => self.failed.push((topic_partition, error)),
                None => {
                    let detail = format!("the answer to ListOffsets lacks {topic_partition}");
                    let error = Error::new(ErrorKind::Protocol { broker: None, detail });
                    self.failed.push((topic_partition, error));
                }
            }
        }
    }
}

fn at_committed(topic_partition: TopicPartition, offset: OffsetAndMetadata) -> Assigned {
    Assigned { topic_partition, position: offset.offset(), committed: Some(offset) }
}
