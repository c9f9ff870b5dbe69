//! What the scripted brokers hold, and what is to go wrong.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse,
    fetch_response::{FetchableTopicResponse, PartitionData},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    env::{Env, Task},
    record::{Batch, BatchBuilder, Compression, ProducerStamp, batches},
};

/// Changes the next answer to a fetch.
type Tweak = Box<dyn FnOnce(&mut FetchResponse) + Send>;

/// Two brokers with one topic, `orders`.
#[derive(Clone, Default)]
pub(super) struct Brokers(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) logs: BTreeMap<i32, Log>,
    /// The leader of all partitions, and its epoch.
    pub(super) leader: (i32, i32),
    /// The leader that metadata names, if it lags behind.
    pub(super) told_leader: Option<(i32, i32)>,
    pub(super) topic_id: u128,
    /// The error that metadata has for the topic.
    pub(super) topic_error: i16,
    pub(super) tweaks: VecDeque<Tweak>,
    /// Fetches that came.
    pub(super) fetches: Vec<Seen>,
    /// ListOffsets that came: the times that were asked for.
    pub(super) listed: Vec<i64>,
    pub(super) metadata: usize,
    /// A broker that is silent from now on.
    pub(super) silent: Option<i32>,
    pub(super) tasks: Vec<Task>,
}

/// A fetch that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) broker: i32,
    pub(super) at: Instant,
    /// Partition, offset and the leader's epoch.
    pub(super) partitions: Vec<(i32, i64, i32)>,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) start: i64,
    pub(super) batches: Vec<Batch>,
    pub(super) last_stable: Option<i64>,
}

impl Log {
    pub(super) fn end(&self) -> i64 {
        self.batches.last().map_or(self.start, Batch::next_offset)
    }

    /// Appends a batch of `count` records whose values are their offsets, padded to `size` bytes.
    pub(super) fn append(&mut self, count: i64, size: usize, compression: Compression) {
        let base = self.end();
        let mut builder = BatchBuilder::new();
        for offset in base..base + count {
            let mut value = offset.to_string().into_bytes();
            value.resize(value.len().max(size), b' ');
            builder.push(offset, None, Some(&value), &[]);
        }
        let stamp = ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: 0 };
        let bytes = builder.finish(Some(stamp), compression).expect("a batch");
        let batch = batches(bytes).next().expect("one").expect("good");
        self.batches.push(batch.appended_at(base, 3));
    }

    /// The batches from `offset` on: the first whole, if it `may_exceed`, and as many as fit.
    fn read(&self, offset: i64, max_bytes: usize, may_exceed: bool) -> Bytes {
        let mut bytes = BytesMut::new();
        for batch in self.batches.iter().filter(|batch| batch.next_offset() > offset) {
            let fits = bytes.len() + batch.bytes().len() <= max_bytes;
            if !(fits || may_exceed && bytes.is_empty()) {
                break;
            }
            bytes.extend_from_slice(batch.bytes());
        }
        bytes.freeze()
    }
}

impl Brokers {
    /// With `partitions` empty partitions, all led by broker 1.
    pub(super) fn new(partitions: i32) -> Self {
        let brokers = Self::default();
        {
            let mut state = brokers.state();
            state.logs = (0..partitions).map(|index| (index, Log::default())).collect();
            (state.leader, state.topic_id) = ((1, 5), 1);
        }
        brokers
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends `batches` batches of `count` records each, with values of `size` bytes.
    pub(super) fn fill(&self, partition: i32, batches: usize, count: i64, size: usize) {
        let mut state = self.state();
        let log = state.logs.get_mut(&partition).expect("it exists");
        (0..batches).for_each(|_| log.append(count, size, Compression::NONE));
    }

    /// Changes the next answer to a fetch.
    pub(super) fn tweak(&self, tweak: impl FnOnce(&mut FetchResponse) + Send + 'static) {
        self.state().tweaks.push_back(Box::new(tweak));
    }

    /// Changes the next answer's first partition.
    pub(super) fn tweak_first(&self, tweak: impl FnOnce(&mut PartitionData) + Send + 'static) {
        self.tweak(|answer| tweak(&mut answer.responses[0].partitions[0]));
    }

    pub(super) fn keep(&self, task: Task) {
        self.state().tasks.push(task);
    }

    pub(super) fn env() -> Env {
        Env::system()
    }
}

impl State {
    pub(super) fn see(&mut self, broker: i32, request: &FetchRequest) {
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions = partitions.map(|part| (part.partition, part.fetch_offset, part.current_leader_epoch));
        self.fetches.push(Seen { broker, at: Instant::now(), partitions: partitions.collect() });
    }

    /// The answer, as a broker would give it, and whether there is anything in it.
    pub(super) fn answer(&self, broker: i32, request: &FetchRequest) -> (FetchResponse, bool) {
        let mut left = usize::try_from(request.max_bytes).expect("positive");
        let (mut nothing, mut calm) = (true, true);
        let mut responses = Vec::new();
        for topic in &request.topics {
            let mut partitions = Vec::new();
            for asked in &topic.partitions {
                let mut data = PartitionData::default().with_partition_index(asked.partition);
                let code = self.refusal(broker, topic.topic_id, asked.partition, asked.fetch_offset);
                data.error_code = code;
                calm &= code == 0;
                if let Some(log) = self.logs.get(&asked.partition).filter(|_| code == 0) {
                    let max_bytes = left.min(usize::try_from(asked.partition_max_bytes).expect("positive"));
                    let records = log.read(asked.fetch_offset, max_bytes, nothing);
                    left = left.saturating_sub(records.len());
                    nothing &= records.is_empty();
                    data.high_watermark = log.end();
                    data.last_stable_offset = log.last_stable.unwrap_or(log.end());
                    data.log_start_offset = log.start;
                    data.records = Some(records);
                }
                partitions.push(data);
            }
            responses.push(FetchableTopicResponse::default().with_topic_id(topic.topic_id).with_partitions(partitions));
        }
        let is_due = !nothing || !calm || !self.tweaks.is_empty();
        (FetchResponse::default().with_responses(responses), is_due)
    }

    fn refusal(&self, broker: i32, topic_id: Uuid, partition: i32, offset: i64) -> i16 {
        let Some(log) = self.logs.get(&partition) else { return 3 };
        if topic_id != Uuid::from_u128(self.topic_id) {
            return 100;
        }
        match (BrokerId(broker) == BrokerId(self.leader.0), (log.start..=log.end()).contains(&offset)) {
            (false, _) => 6,
            (true, false) => 1,
            (true, true) => 0,
        }
    }
}

/// The same batches as parts of transactions.
pub(super) fn transactional(records: &Bytes) -> Bytes {
    rewritten(records, |batch| batch[22] |= 1 << 4)
}

/// The same batches after compaction has taken all records out.
pub(super) fn emptied(records: &Bytes) -> Bytes {
    rewritten(records, |batch| {
        batch.truncate(61);
        batch[57..61].copy_from_slice(&0_i32.to_be_bytes());
        batch[8..12].copy_from_slice(&49_i32.to_be_bytes());
    })
}

/// Each batch changed, with the checksum that it then has.
fn rewritten(records: &Bytes, change: impl Fn(&mut Vec<u8>)) -> Bytes {
    let mut all = Vec::new();
    for batch in batches(records.clone()) {
        let mut bytes = batch.expect("good").bytes().to_vec();
        change(&mut bytes);
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        all.extend(bytes);
    }
    all.into()
}
