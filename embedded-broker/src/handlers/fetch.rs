//! Fetch, without sessions: each request names all it wants, and session id 0 says so (KIP-227).

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse,
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::{FetchableTopicResponse, PartitionData},
};
use tokio::time::{Instant, timeout_at};

use super::leader_hints::Hints;
use crate::{
    dispatch::{Cx, Handler},
    log::{PartitionLog, Refusal},
    topics::Topics,
};

/// From this version on topics are named by id (KIP-516).
const FIRST_WITH_TOPIC_IDS: i16 = 13;

/// The longest answer in bytes, whatever the client allows. Kafka: `fetch.max.bytes` of the broker, 55 MiB.
const MAX_BYTES: usize = 55 * 1024 * 1024;

/// The session epoch of a request outside any session; 0 asks for a new one, which may be declined.
const NO_SESSION: i32 = -1;

impl Handler for FetchRequest {
    async fn answer(&self, cx: &Cx<'_>) -> FetchResponse {
        if self.session_id != 0 {
            return self.refused(cx.version, Refusal::FetchSessionIdNotFound);
        }
        if !matches!(self.session_epoch, NO_SESSION | 0) {
            return self.refused(cx.version, Refusal::InvalidFetchSessionEpoch);
        }
        let min_bytes = size(self.min_bytes);
        let deadline = Instant::now() + Duration::from_millis(u64::try_from(self.max_wait_ms).unwrap_or(0));
        loop {
            // Armed before the read: what is appended after it wakes this.
            let mut changed = std::pin::pin!(cx.cluster.changed().notified());
            changed.as_mut().enable();
            let read = Read::all(self, cx);
            if read.failed || read.bytes >= min_bytes || Instant::now() >= deadline {
                let endpoints = read.hints.in_fetch(cx.cluster, cx.version);
                return FetchResponse::default().with_responses(read.topics).with_node_endpoints(endpoints);
            }
            // Either way the answer is read again.
            let _ = timeout_at(deadline, changed).await;
        }
    }

    fn names(&self, cx: &Cx<'_>, topic: &str, partition: i32) -> bool {
        let topics = cx.cluster.topics();
        let is = |wanted: &FetchTopic| topic_name(wanted, &topics, cx.version) == Ok(topic);
        let here = self.topics.iter().filter(|wanted| is(wanted));
        here.flat_map(|wanted| &wanted.partitions).any(|wanted| wanted.partition == partition)
    }

    fn refused(&self, version: i16, refusal: Refusal) -> FetchResponse {
        if version >= 7 {
            return FetchResponse::default().with_error_code(refusal.code());
        }
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| failed(wanted.partition, refusal));
            FetchableTopicResponse::default().with_topic(topic.topic.clone()).with_partitions(partitions.collect())
        });
        FetchResponse::default().with_responses(topics.collect())
    }
}

/// One look at all the partitions of a request.
struct Read {
    topics: Vec<FetchableTopicResponse>,
    bytes: usize,
    /// Whether some partition has an error, which is not held back.
    failed: bool,
    hints: Hints,
}

impl Read {
    fn all(request: &FetchRequest, cx: &Cx<'_>) -> Self {
        let topics = cx.cluster.topics();
        let mut read = Self { topics: Vec::new(), bytes: 0, failed: false, hints: Hints::default() };
        let max_bytes = size(request.max_bytes).min(MAX_BYTES);
        for topic in &request.topics {
            let name = topic_name(topic, &topics, cx.version);
            let partitions = topic.partitions.iter().map(|wanted| {
                let log = name.and_then(|name| {
                    cx.in_partition(name, wanted.partition, || topics.log(cx.node, name, wanted.partition))
                });
                let answer = read.partition(wanted, log, max_bytes);
                let refusal = super::refusal(answer.error_code);
                let hint = name.ok().and_then(|name| read.hints.find(refusal, &topics, name, wanted.partition));
                answer.with_current_leader(hint.map(|hint| hint.in_fetch(cx.version)).unwrap_or_default())
            });
            let partitions = partitions.collect();
            let answer = FetchableTopicResponse::default().with_partitions(partitions);
            // kafka-protocol refuses to encode a field the version does not have.
            read.topics.push(if cx.version >= FIRST_WITH_TOPIC_IDS {
                answer.with_topic_id(topic.topic_id)
            } else {
                answer.with_topic(topic.topic.clone())
            });
        }
        read
    }

    fn partition(
        &mut self,
        wanted: &FetchPartition,
        log: Result<&PartitionLog, Refusal>,
        max_bytes: usize,
    ) -> PartitionData {
        let room = size(wanted.partition_max_bytes).min(max_bytes.saturating_sub(self.bytes));
        let records = log.and_then(|log| {
            super::check_leader_epoch(log, wanted.current_leader_epoch)?;
            log.read(wanted.fetch_offset, room, self.bytes == 0)
        });
        let answer = match records {
            Ok(records) => {
                self.bytes += records.len();
                empty(wanted.partition).with_records(Some(records))
            }
            Err(refusal) => {
                self.failed = true;
                failed(wanted.partition, refusal)
            }
        };
        match log {
            // Also beside an error: the client of an offset out of range wants to know the range.
            Ok(log) => answer
                .with_high_watermark(log.end())
                .with_last_stable_offset(log.end())
                .with_log_start_offset(log.start()),
            Err(_) => answer,
        }
    }
}

fn topic_name<'a>(topic: &'a FetchTopic, topics: &'a Topics, version: i16) -> Result<&'a str, Refusal> {
    if version >= FIRST_WITH_TOPIC_IDS {
        return topics.name_of(topic.topic_id).ok_or(Refusal::UnknownTopicId);
    }
    Ok(&topic.topic)
}

fn empty(partition: i32) -> PartitionData {
    PartitionData::default()
        .with_partition_index(partition)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(None)
        .with_preferred_read_replica(BrokerId(-1))
        // Not null, which some clients cannot read.
        .with_records(Some(Bytes::new()))
}

fn failed(partition: i32, refusal: Refusal) -> PartitionData {
    empty(partition).with_error_code(refusal.code())
}

fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
