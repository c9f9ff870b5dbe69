//! What comes of the fetcher's requests.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{State, engine::Engine, locate::Held, request::throttle, unreadable};
use crate::{
    client::RETRY,
    connector::BrokerAddr,
    error::{Error, ErrorKind, Recovery},
    fetch::{
        LogOffsets,
        budget::{Charge, charged},
        opened::{Broken, Opened},
        partitions::Asked,
        plan::Question,
        reading::{Next, Reading, Waiting},
    },
    metadata::{Cluster, Topic},
    protocol::{ErrorCode, FetchAnswer, FetchedPartition},
    topic_partition::TopicPartition,
};

/// How often in a row something that may heal by itself may be wrong with a partition's answers: an incomplete batch,
/// bytes that do not parse, an offset out of a range that it lies in.
const PATIENCE: u32 = 5;

/// How long a leader is left alone that says at once that there is nothing, instead of waiting for `max_wait`.
const NOTHING_PAUSE: Duration = Duration::from_millis(10);

/// What a request has come to.
pub(super) enum Event {
    Answered {
        question: Question,
        asked_at: Instant,
        cluster: Arc<Cluster>,
        charge: Charge,
        result: Result<FetchAnswer, Error>,
    },
    Located {
        asked: Vec<Asked>,
        generation: u64,
        found: BTreeMap<TopicPartition, Result<i64, Error>>,
    },
    OutOfRange {
        asked: Asked,
        offset: i64,
        held: Result<Held, Error>,
    },
    Refreshed(Result<Arc<Cluster>, Error>),
}

/// One partition's part of an answer, opened.
struct Part {
    code: ErrorCode,
    opened: Opened,
    log: LogOffsets,
    had_bytes: bool,
}

impl Engine {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Answered { question, asked_at, cluster, charge, result } => {
                self.answered(question, asked_at, &cluster, charge, result);
            }
            Event::Located { asked, generation, found } => self.located(&asked, generation, found),
            Event::OutOfRange { asked, offset, held } => self.out_of_range(&asked, offset, held),
            Event::Refreshed(result) => {
                self.refreshing = false;
                self.refreshed_at = Some(Instant::now());
                if let Err(error) = result {
                    tracing::warn!(%error, "the fetcher's metadata could not be refreshed");
                }
            }
        }
    }

    fn answered(
        &mut self,
        question: Question,
        asked_at: Instant,
        cluster: &Cluster,
        mut charge: Charge,
        result: Result<FetchAnswer, Error>,
    ) {
        let result = result.and_then(|answer| match answer.code {
            ErrorCode::NONE => Ok(answer),
            code => Err(Error::broker(code, "Fetch")),
        });
        let now = Instant::now();
        match result {
            Ok(answer) => {
                let bytes = answer.partitions.iter().map(|part| part.records.len()).sum();
                charge.become_bytes(bytes);
                let is_calm = answer.partitions.iter().all(|part| part.code.is_none());
                let early = now.saturating_duration_since(asked_at) < question.wait / 2;
                let pause = if bytes == 0 && is_calm && early { NOTHING_PAUSE } else { Duration::ZERO };
                let pause = throttle(answer.throttle_ms).max(pause);
                self.shared.state().leaders.answered(&question, now, pause);
                self.parts(question, answer, &Arc::new(charge), cluster);
            }
            Err(error) => {
                drop(charge);
                tracing::debug!(leader = question.leader, %error, "fetch failed");
                self.stale = Some(cluster.generation());
                let shared = Arc::clone(&self.shared);
                let mut state = shared.state();
                state.leaders.answered(&question, now, Duration::ZERO);
                for asked in &question.fetches {
                    self.failed(&mut state, asked, error.clone());
                }
            }
        }
    }

    /// A request failed as a whole: it is repeated, unless that cannot help. What the broker's next life may heal, such
    /// as bytes that are no answer, is repeated a few times.
    fn failed(&self, state: &mut State, asked: &Asked, error: Error) {
        let failures = state.partitions.get(&asked.topic_partition).map_or(0, |reading| reading.failures);
        let is_hopeless = match error.kind() {
            ErrorKind::Closed | ErrorKind::UnsupportedVersion { .. } => true,
            _ => !error.is_retriable() && failures >= PATIENCE,
        };
        if is_hopeless {
            state.partitions.with_asked(asked, |reading| reading.fail(error));
        } else {
            self.retry(state, asked, error);
        }
    }

    /// Asks again after a while.
    fn retry(&self, state: &mut State, asked: &Asked, error: Error) {
        let (env, now) = (self.client.env(), Instant::now());
        state.partitions.with_asked(asked, |reading| {
            reading.stalled(now, || error);
            reading.retry(now, |failures| RETRY.after(failures, env));
        });
    }

    fn parts(&mut self, question: Question, mut answer: FetchAnswer, charge: &Arc<Charge>, cluster: &Cluster) {
        let broker = cluster.brokers().get(&question.leader);
        let parts: Vec<_> = question
            .fetches
            .into_iter()
            .map(|asked| {
                let part = take_part(&mut answer.partitions, &asked.topic_partition, cluster);
                (asked, part)
            })
            .collect();
        let hint = |(asked, part): &(Asked, Option<FetchedPartition>)| {
            Some((asked.topic_partition.clone(), part.as_ref()?.current_leader?))
        };
        let hints: Vec<_> = parts.iter().filter_map(hint).collect();
        let learnt = !hints.is_empty() && self.client.metadata().learn(&hints, &answer.nodes);
        let mut is_first = true;
        for (asked, part) in parts {
            let Some(part) = part else {
                let detail = format!("its answer to Fetch lacks {}", asked.topic_partition);
                let error = Error::new(ErrorKind::Protocol { broker: broker.cloned(), detail });
                self.retry(&mut self.shared.state(), &asked, error);
                continue;
            };
            let leader_known = learnt && part.current_leader.is_some();
            // The lock is not held: the checksums of large answers take their time.
            let part = self.open(&asked, broker, part, charge);
            let had_bytes = part.had_bytes;
            match part.code {
                ErrorCode::NONE => bring(&mut self.shared.state(), &asked, part, is_first),
                ErrorCode::OFFSET_OUT_OF_RANGE => {
                    let offset = asked.offset();
                    self.ask_held(asked, offset);
                }
                code => self.refused(&asked, code, leader_known, cluster),
            }
            is_first &= !had_bytes;
        }
    }

    fn open(
        &self,
        asked: &Asked,
        broker: Option<&BrokerAddr>,
        mut part: FetchedPartition,
        charge: &Arc<Charge>,
    ) -> Part {
        part.records = charged(part.records, charge);
        let log = LogOffsets {
            log_start: part.log_start_offset,
            high_watermark: part.high_watermark,
            last_stable: part.last_stable_offset,
        };
        let (code, had_bytes) = (part.code, !part.records.is_empty());
        let opened = Opened::open(broker.cloned(), asked.offset(), part, self.shared.config.isolation);
        Part { code, opened, log, had_bytes }
    }

    /// A partition could not be read.
    fn refused(&mut self, asked: &Asked, code: ErrorCode, leader_known: bool, cluster: &Cluster) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let topic_partition = Some(asked.topic_partition.clone());
        let error = Error::new(ErrorKind::Broker { code, api: "Fetch", topic_partition, message: None });
        if !matches!(error.recovery(), Recovery::Retry | Recovery::RefreshMetadata) {
            return state.partitions.with_asked(asked, |reading| reading.fail(error));
        }
        tracing::debug!(%error, leader_known, "the fetch is repeated");
        self.retry(&mut state, asked, error);
        if leader_known {
            state.partitions.with_asked(asked, Reading::hurry);
        } else {
            self.stale = Some(cluster.generation());
        }
    }

    fn located(&mut self, asked: &[Asked], generation: u64, mut found: BTreeMap<TopicPartition, Result<i64, Error>>) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        for asked in asked {
            match found.remove(&asked.topic_partition) {
                Some(Ok(offset)) => state.partitions.with_asked(asked, |reading| reading.located(offset)),
                Some(Err(error)) if !error.is_retriable() => {
                    state.partitions.with_asked(asked, |reading| reading.fail(error));
                }
                found => {
                    let missing = || Error::invalid(format!("no offset of {} was found", asked.topic_partition));
                    let error = found.and_then(Result::err).unwrap_or_else(missing);
                    self.stale = Some(generation);
                    self.retry(&mut state, asked, error);
                }
            }
        }
    }

    /// The offset is not in the log: the policy says where to go on, or the application does.
    fn out_of_range(&mut self, asked: &Asked, offset: i64, held: Result<Held, Error>) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let failures = state.partitions.get(&asked.topic_partition).map_or(0, |reading| reading.failures);
        let heals = match &held {
            // A new leader may not have known yet what it has.
            Ok((log_start, end)) => (*log_start..=*end).contains(&offset) && failures < PATIENCE,
            Err(error) => error.is_retriable(),
        };
        let (log_start, high_watermark) = match held {
            Ok((start, end)) => (Some(start), Some(end)),
            Err(error) if heals => return self.retry(&mut state, asked, error),
            Err(_) => (None, None),
        };
        let topic_partition = asked.topic_partition.clone();
        let error = Error::new(ErrorKind::OffsetOutOfRange { topic_partition, offset, log_start, high_watermark });
        if heals {
            return self.retry(&mut state, asked, error);
        }
        let start = shared.config.offset_reset.start(self.client.env().now_ms());
        state.partitions.with_asked(asked, |reading| match start {
            Some(start) => {
                tracing::warn!(%error, ?start, "the position is reset");
                reading.reset(offset, start);
            }
            None => reading.fail(error),
        });
    }
}

/// The partition's part of an answer.
fn take_part(
    parts: &mut Vec<FetchedPartition>,
    topic_partition: &TopicPartition,
    cluster: &Cluster,
) -> Option<FetchedPartition> {
    let topic = topic_partition.topic();
    let id = cluster.topic(topic).map(Topic::id).unwrap_or_default();
    let is_it = |part: &FetchedPartition| {
        let named = if part.topic.is_empty() { part.topic_id == id } else { part.topic == topic };
        named && part.partition == topic_partition.partition()
    };
    let at = parts.iter().position(is_it)?;
    Some(parts.swap_remove(at))
}

/// Keeps what the answer brought until it is handed out.
fn bring(state: &mut State, asked: &Asked, part: Part, is_first: bool) {
    let Part { mut opened, log, had_bytes, .. } = part;
    let topic_partition = &asked.topic_partition;
    let (from, to, broken) = (asked.offset(), opened.next_offset, opened.broken.take());
    let broker = opened.broker.clone();
    let is_cut_short = had_bytes && to <= from && broken.is_none();
    if to > from {
        state.partitions.served(topic_partition);
    }
    state.partitions.with_asked(asked, |reading| {
        reading.log = Some(log);
        if is_cut_short && is_first && reading.was_cut_short() > PATIENCE {
            let detail = format!("{topic_partition}: an incomplete batch at offset {from}");
            return reading.fail(Error::new(ErrorKind::Protocol { broker, detail }));
        }
        reading.answered(Next::Fetch(to.max(from)));
        if to > from {
            reading.cut_short = 0;
            reading.waiting.push_back(Waiting::Opened(opened, log));
        }
        match broken {
            None => {}
            Some(Broken::Batch(error)) => reading.fail(unreadable(topic_partition, broker, error)),
            Some(Broken::Backwards { batch_next_offset, expected }) => {
                let detail = format!(
                    "{topic_partition}: a batch that ends at offset {batch_next_offset} in place of {expected}"
                );
                reading.fail(Error::new(ErrorKind::Protocol { broker, detail }));
            }
        }
    });
}
