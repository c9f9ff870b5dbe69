//! Fetch by hand: records are slices of the frame.
//!
//! Versions 4 to 17 of `FetchRequest.json` and `FetchResponse.json`: leader epochs from 9 (KIP-320), nearest replica
//! from 11 (KIP-392), flexible from 12 (KIP-482), topic ids from 13 (KIP-516), leaders from 16 (KIP-951). Sessions
//! (KIP-227) are not used: each request names all its partitions.

use std::{ops::RangeInclusive, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    CodecError, ErrorCode, LeaderHint, NodeEndpoint,
    by_hand::ByHand,
    primitives::{Reader, Writer},
};

/// Reads record batches from partitions of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// How long the broker may wait for `min_bytes`, in milliseconds. Kafka: `fetch.max.wait.ms`.
    pub max_wait_ms: i32,
    /// How many bytes the broker waits for. Kafka: `fetch.min.bytes`.
    pub min_bytes: i32,
    /// How many bytes the answer has at most, but for one batch. Kafka: `fetch.max.bytes`.
    pub max_bytes: i32,
    /// 0 reads what is uncommitted, 1 what is committed. Kafka: `isolation.level`.
    pub isolation: i8,
    /// What to read.
    pub topics: Vec<FetchTopic>,
}

/// A topic's part of [`Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic {
    /// The topic's name, for versions up to 12.
    pub name: Arc<str>,
    /// The topic's id, for versions from 13.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// A partition's part of [`Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition's number.
    pub index: i32,
    /// The leader epoch that we know, -1 if none: the broker refuses one that is not its own.
    pub current_leader_epoch: i32,
    /// Where to read from.
    pub offset: i64,
    /// How many bytes to read at most, but for one batch. Kafka: `max.partition.fetch.bytes`.
    pub max_bytes: i32,
}

/// The answer to [`Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// How long the broker asks to wait before the next request, in milliseconds.
    pub throttle_ms: i32,
    /// Whether the request as a whole failed.
    pub code: ErrorCode,
    /// What was read of each partition.
    pub partitions: Vec<FetchedPartition>,
    /// Where the brokers of the leader hints are reached.
    pub nodes: Vec<NodeEndpoint>,
}

/// What was read of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The topic's name, empty from version 13.
    pub topic: String,
    /// The topic's id, nil up to version 12.
    pub topic_id: Uuid,
    /// The partition's number.
    pub partition: i32,
    /// Whether it could be read.
    pub code: ErrorCode,
    /// The offset up to which all in-sync replicas have everything.
    pub high_watermark: i64,
    /// The offset up to which every transaction has ended.
    pub last_stable_offset: i64,
    /// The partition's first offset, -1 if unknown.
    pub log_start_offset: i64,
    /// The transactions whose records do not count.
    pub aborted: Vec<AbortedTransaction>,
    /// Batches, the last of which may be cut: see [`batches`](crate::record::batches).
    pub records: Bytes,
    /// The partition's leader, if it is not the broker that answered.
    pub current_leader: Option<LeaderHint>,
    /// The replica to read from instead, -1 if none.
    pub preferred_read_replica: i32,
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
}

const FIRST_WITH_IDS: i16 = 13;

impl ByHand for Fetch {
    const KEY: i16 = 1;
    const VERSIONS: RangeInclusive<i16> = 4..=17;
    const FIRST_FLEXIBLE: i16 = 12;
    type Answer = FetchAnswer;

    fn write(&self, version: i16, writer: &mut Writer<'_>) -> Result<(), CodecError> {
        if version <= 14 {
            writer.i32(NO_REPLICA);
        }
        writer.i32(self.max_wait_ms);
        writer.i32(self.min_bytes);
        writer.i32(self.max_bytes);
        writer.i8(self.isolation);
        if version >= 7 {
            writer.i32(NO_SESSION.0);
            writer.i32(NO_SESSION.1);
        }
        writer.count(self.topics.len())?;
        for topic in &self.topics {
            topic.write(version, writer)?;
        }
        if version >= 7 {
            // Nothing of a session is forgotten.
            writer.count(0)?;
        }
        if version >= 11 {
            // Without a rack the broker reads for us itself.
            writer.string("")?;
        }
        writer.no_tags();
        Ok(())
    }

    fn read(version: i16, reader: &mut Reader<'_>) -> Result<FetchAnswer, CodecError> {
        let throttle_ms = reader.i32()?;
        let code = ErrorCode(if version >= 7 { reader.i16()? } else { 0 });
        let _session = if version >= 7 { reader.i32()? } else { 0 };
        let mut answer = FetchAnswer { throttle_ms, code, partitions: Vec::new(), nodes: Vec::new() };
        for _ in 0..reader.count(3)? {
            let topic = if version < FIRST_WITH_IDS { reader.string()? } else { String::new() };
            let id = if version < FIRST_WITH_IDS { Uuid::nil() } else { reader.uuid()? };
            for _ in 0..reader.count(LEAST_PARTITION)? {
                answer.partitions.push(FetchedPartition::read(&topic, id, version, reader)?);
            }
            reader.skip_tags()?;
        }
        reader.tags(|tag, field| {
            if (tag, version >= 16) == (0, true) {
                answer.nodes = NodeEndpoint::read_all(field)?;
            }
            Ok(())
        })?;
        Ok(answer)
    }
}

/// What a consumer is in the place of a replica's id.
const NO_REPLICA: i32 = -1;
/// The session's id and epoch that ask for none.
const NO_SESSION: (i32, i32) = (0, -1);

impl FetchTopic {
    fn write(&self, version: i16, writer: &mut Writer<'_>) -> Result<(), CodecError> {
        if version < FIRST_WITH_IDS {
            writer.string(&self.name)?;
        } else if self.id.is_nil() {
            return Err(CodecError::Encode(format!("the id of topic {} is not known", self.name)));
        } else {
            writer.uuid(self.id);
        }
        writer.count(self.partitions.len())?;
        for partition in &self.partitions {
            writer.i32(partition.index);
            if version >= 9 {
                writer.i32(partition.current_leader_epoch);
            }
            writer.i64(partition.offset);
            if version >= 12 {
                // The epoch of the last record read: only replicas say it.
                writer.i32(-1);
            }
            if version >= 5 {
                // A follower's first offset.
                writer.i64(-1);
            }
            writer.i32(partition.max_bytes);
            writer.no_tags();
        }
        writer.no_tags();
        Ok(())
    }
}

/// Index, code, two offsets, and the lengths of aborted transactions and records.
const LEAST_PARTITION: usize = 24;

impl FetchedPartition {
    fn read(topic: &str, topic_id: Uuid, version: i16, reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut partition = Self {
            topic: topic.to_owned(),
            topic_id,
            partition: reader.i32()?,
            code: ErrorCode(reader.i16()?),
            high_watermark: reader.i64()?,
            last_stable_offset: reader.i64()?,
            log_start_offset: if version >= 5 { reader.i64()? } else { -1 },
            aborted: reader.elements(16, AbortedTransaction::read)?,
            preferred_read_replica: if version >= 11 { reader.i32()? } else { -1 },
            records: reader.bytes()?,
            current_leader: None,
        };
        reader.tags(|tag, field| {
            // Tags 0 and 2, a diverging epoch and a snapshot, are answers to replicas.
            if tag == 1 {
                partition.current_leader = LeaderHint::read(field)?;
            }
            Ok(())
        })?;
        Ok(partition)
    }
}

impl AbortedTransaction {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let aborted = Self { producer_id: reader.i64()?, first_offset: reader.i64()? };
        reader.skip_tags()?;
        Ok(aborted)
    }
}
