//! Produce by hand: batches are copied once, into the frame.
//!
//! Versions 3 to 12 of `ProduceRequest.json` and `ProduceResponse.json`: flexible from 9 (KIP-482), record errors from 8
//! (KIP-467), leaders from 10 (KIP-951); version 13 names topics by id (KIP-516).

use std::{ops::RangeInclusive, sync::Arc};

use bytes::Bytes;

use super::{
    CodecError, ErrorCode, LeaderHint, NodeEndpoint,
    by_hand::ByHand,
    primitives::{Reader, Writer},
};

/// Appends record batches to partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Produce {
    /// Who has to have the batches before the answer: -1 all in-sync replicas, 1 the leader, 0 nobody, and no answer.
    ///
    /// Kafka: `acks`.
    pub acks: i16,
    /// How long the leader may wait for its replicas, in milliseconds.
    pub timeout_ms: i32,
    /// What to append.
    pub topics: Vec<ProduceTopic>,
}

/// A topic's part of [`Produce`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopic {
    /// The topic's name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// A partition's part of [`Produce`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// The partition's number.
    pub index: i32,
    /// One batch; brokers accept no more.
    pub records: Bytes,
}

/// The answer to [`Produce`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceAnswer {
    /// How long the broker asks to wait before the next request, in milliseconds.
    pub throttle_ms: i32,
    /// What became of each partition's batch.
    pub partitions: Vec<ProducedPartition>,
    /// Where the brokers of the leader hints are reached.
    pub nodes: Vec<NodeEndpoint>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducedPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Whether it was appended.
    pub code: ErrorCode,
    /// The offset of its first record, -1 if unknown.
    pub base_offset: i64,
    /// The timestamp of its records if the broker gives it, -1 if the producer does.
    pub log_append_time_ms: i64,
    /// The partition's first offset, -1 if unknown.
    pub log_start_offset: i64,
    /// What the broker says beside the code.
    pub message: Option<String>,
    /// The partition's leader, if it is not the broker that answered.
    pub current_leader: Option<LeaderHint>,
}

impl ByHand for Produce {
    const KEY: i16 = 0;
    const VERSIONS: RangeInclusive<i16> = 3..=12;
    const FIRST_FLEXIBLE: i16 = 9;
    type Answer = ProduceAnswer;

    fn most(&self) -> usize {
        const AROUND: usize = 32;
        self.topics.iter().fold(AROUND, |sum, topic| {
            let partitions = topic.partitions.iter().map(|partition| partition.records.len().saturating_add(AROUND));
            partitions.fold(sum.saturating_add(topic.name.len()).saturating_add(AROUND), usize::saturating_add)
        })
    }

    fn write(&self, _version: i16, writer: &mut Writer<'_>) -> Result<(), CodecError> {
        writer.null_string();
        writer.i16(self.acks);
        writer.i32(self.timeout_ms);
        writer.count(self.topics.len())?;
        for topic in &self.topics {
            writer.string(&topic.name)?;
            writer.count(topic.partitions.len())?;
            for partition in &topic.partitions {
                writer.i32(partition.index);
                writer.bytes(&partition.records)?;
                writer.no_tags();
            }
            writer.no_tags();
        }
        writer.no_tags();
        Ok(())
    }

    fn read(version: i16, reader: &mut Reader<'_>) -> Result<ProduceAnswer, CodecError> {
        let mut answer = ProduceAnswer { throttle_ms: 0, partitions: Vec::new(), nodes: Vec::new() };
        for _ in 0..reader.count(3)? {
            let topic = reader.string()?;
            for _ in 0..reader.count(LEAST_PARTITION)? {
                answer.partitions.push(ProducedPartition::read(&topic, version, reader)?);
            }
            reader.skip_tags()?;
        }
        answer.throttle_ms = reader.i32()?;
        reader.tags(|tag, field| {
            if (tag, version >= 10) == (0, true) {
                answer.nodes = NodeEndpoint::read_all(field)?;
            }
            Ok(())
        })?;
        Ok(answer)
    }
}

/// Index, code, base offset and time.
const LEAST_PARTITION: usize = 22;

impl ProducedPartition {
    fn read(topic: &str, version: i16, reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut partition = Self {
            topic: topic.to_owned(),
            partition: reader.i32()?,
            code: ErrorCode(reader.i16()?),
            base_offset: reader.i64()?,
            log_append_time_ms: reader.i64()?,
            log_start_offset: if version >= 5 { reader.i64()? } else { -1 },
            message: None,
            current_leader: None,
        };
        if version >= 8 {
            let record_message = Self::read_record_errors(reader)?;
            partition.message = reader.nullable_string()?.or(record_message);
        }
        reader.tags(|tag, field| {
            if (tag, version >= 10) == (0, true) {
                partition.current_leader = LeaderHint::read(field)?;
            }
            Ok(())
        })?;
        Ok(partition)
    }

    /// The first message about a single record: one of them tells enough of why the batch was refused.
    fn read_record_errors(reader: &mut Reader<'_>) -> Result<Option<String>, CodecError> {
        let mut first = None;
        for _ in 0..reader.count(5)? {
            let index = reader.i32()?;
            let message = reader.nullable_string()?;
            reader.skip_tags()?;
            first = first.or(message.map(|message| format!("record {index}: {message}")));
        }
        Ok(first)
    }
}
