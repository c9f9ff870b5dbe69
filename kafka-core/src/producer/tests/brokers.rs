//! Two brokers that share their logs, and what goes wrong with them, by a seed.

use std::{
    collections::VecDeque,
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    log::{Appended, Log},
    seeded::next,
};
use crate::{
    env::Task,
    protocol::ErrorCode,
    record::{Batch, Codec, Decompression, ProducerStamp},
};

pub(super) const BROKERS: [i32; 2] = [1, 2];

/// What came up, so that a run that tested nothing shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The most Produce requests of one connection that a broker had in hand.
    pub(super) pipelined: usize,
    pub(super) lost_answers: usize,
    pub(super) late_copies: usize,
    pub(super) repeated: usize,
    pub(super) out_of_order: usize,
    pub(super) truncated: usize,
    pub(super) new_epochs: usize,
    /// The most bytes of records in one request.
    pub(super) largest_request: usize,
    pub(super) requests: usize,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.pipelined = self.pipelined.max(other.pipelined);
        self.lost_answers += other.lost_answers;
        self.late_copies += other.late_copies;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.truncated += other.truncated;
        self.new_epochs += other.new_epochs;
        self.largest_request = self.largest_request.max(other.largest_request);
        self.requests += other.requests;
    }
}

/// What happens to a Produce request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Fine,
    /// Answered this much later, or never: then the client's own limit ends it.
    Delayed(Duration),
    Silent {
        applied: bool,
    },
    Cut {
        applied: bool,
    },
    /// The connection ends, and only then the request is worked on.
    CutThenApplied(Duration),
    Throttled(i32),
}

/// What is answered for one of its partitions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lot {
    Truth,
    Refused(ErrorCode),
    AppliedAndRefused(ErrorCode),
}

#[derive(Debug)]
struct World {
    random: u64,
    /// Nothing goes wrong but what the script says.
    calm: bool,
    /// What happens to the next Produce requests, one after the other.
    script: VecDeque<(Fate, Lot)>,
    /// The part of it that is about the request in hand.
    lot: Lot,
    /// No connection comes about.
    away: bool,
    /// Metadata tells of the first leaders for ever.
    frozen: bool,
    /// The epoch that new producer ids begin with.
    first_epoch: i16,
    logs: Vec<Log>,
    /// The leaders that Metadata tells of: sometimes those of a moment ago.
    told: Vec<(i32, i32)>,
    next_producer_id: i64,
    seen: Seen,
    connections: Vec<Task>,
}

/// The cluster; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    world: Arc<Mutex<World>>,
    /// Counts how often all connections were cut.
    cuts: watch::Sender<u64>,
}

impl Cluster {
    pub(super) fn start(seed: u64, partitions: i32) -> Self {
        let logs: Vec<Log> =
            (0..partitions).map(|index| Log::new(BROKERS[index.unsigned_abs() as usize % 2])).collect();
        let told = logs.iter().map(|log| (log.leader, log.leader_epoch)).collect();
        let world = World {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            calm: false,
            script: VecDeque::new(),
            lot: Lot::Truth,
            away: false,
            frozen: false,
            first_epoch: 0,
            logs,
            told,
            next_producer_id: 1,
            seen: Seen::default(),
            connections: Vec::new(),
        };
        Self { world: Arc::new(Mutex::new(world)), cuts: watch::Sender::new(0) }
    }

    /// Brokers that do nothing wrong but this, to one request after the other.
    pub(super) fn scripted(partitions: i32, script: impl IntoIterator<Item = (Fate, Lot)>) -> Self {
        let cluster = Self::start(7, partitions);
        cluster.heal();
        cluster.world().script.extend(script);
        cluster
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number below `end`.
    pub(super) fn random(&self, end: u64) -> u64 {
        next(&mut self.world().random) % end
    }

    pub(super) fn seen(&self) -> Seen {
        self.world().seen.clone()
    }

    pub(super) fn see(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.world().seen);
    }

    pub(super) fn partitions(&self) -> i32 {
        i32::try_from(self.world().logs.len()).expect("few")
    }

    pub(super) fn values(&self, partition: i32) -> Vec<String> {
        self.world().logs[usize::try_from(partition).expect("positive")].values()
    }

    pub(super) fn heal(&self) {
        self.world().calm = true;
    }

    pub(super) fn is_calm(&self) -> bool {
        self.world().calm
    }

    pub(super) fn keep(&self, connection: Task) {
        self.world().connections.push(connection);
    }

    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    pub(super) fn set_away(&self, away: bool) {
        self.world().away = away;
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(super) fn is_away(&self) -> bool {
        self.world().away
    }

    /// Metadata tells no news from now on.
    pub(super) fn freeze_metadata(&self) {
        self.world().frozen = true;
    }

    pub(super) fn elect(&self, partition: usize, leader: i32) {
        self.world().logs[partition].elect(leader, 0);
    }

    pub(super) fn set_first_epoch(&self, epoch: i16) {
        self.world().first_epoch = epoch;
    }

    /// A new producer id and its first epoch.
    pub(super) fn producer_id(&self) -> (i64, i16) {
        let mut world = self.world();
        world.next_producer_id += 1;
        (world.next_producer_id, world.first_epoch)
    }

    /// The stamps in a partition's log.
    pub(super) fn stamps(&self, partition: usize) -> Vec<ProducerStamp> {
        self.world().logs[partition].stamps()
    }

    /// The codecs of the batches in a partition's log.
    pub(super) fn codecs(&self, partition: usize) -> Vec<Codec> {
        self.world().logs[partition].codecs()
    }

    /// Leader and epoch of each partition, as a broker that may lag behind knows them.
    pub(super) fn told_leaders(&self) -> Vec<(i32, i32)> {
        let lags = self.random(3) == 0 && !self.is_calm();
        let mut world = self.world();
        if !lags && !world.frozen {
            world.told = world.logs.iter().map(|log| (log.leader, log.leader_epoch)).collect();
        }
        world.told.clone()
    }

    pub(super) fn leader(&self, partition: usize) -> (i32, i32) {
        let world = self.world();
        (world.logs[partition].leader, world.logs[partition].leader_epoch)
    }

    /// Something that is not about one request.
    pub(super) fn disturb(&self) {
        let partition = usize::try_from(self.random(3)).expect("small");
        let (kind, leader, lost) = (self.random(4), BROKERS[self.random(2) as usize], self.random(4) as usize);
        match kind {
            0 => self.cuts.send_modify(|cuts| *cuts += 1),
            1 => self.world().logs[partition].restart(),
            _ => {
                let gone = self.world().logs[partition].elect(leader, lost);
                self.see(|seen| seen.truncated += gone);
            }
        }
    }

    pub(super) fn fate(&self) -> Fate {
        if self.is_calm() {
            let mut world = self.world();
            let (fate, lot) = world.script.pop_front().unwrap_or((Fate::Fine, Lot::Truth));
            world.lot = lot;
            return fate;
        }
        let millis = Duration::from_millis(self.random(2_500));
        match self.random(24) {
            0..=5 => Fate::Delayed(millis / 20),
            6 => Fate::Delayed(millis),
            7 => Fate::Silent { applied: self.random(2) == 0 },
            8 => Fate::Cut { applied: self.random(2) == 0 },
            9 => Fate::CutThenApplied(millis),
            10 => Fate::Throttled(i32::try_from(self.random(500)).expect("small")),
            _ => Fate::Fine,
        }
    }

    pub(super) fn lot(&self) -> Lot {
        if self.is_calm() {
            return self.world().lot;
        }
        match self.random(40) {
            0 => Lot::Refused(ErrorCode::NOT_ENOUGH_REPLICAS),
            1 => Lot::Refused(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            2 => Lot::Refused(ErrorCode::KAFKA_STORAGE_ERROR),
            3 => Lot::AppliedAndRefused(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND),
            4 => Lot::AppliedAndRefused(ErrorCode::REQUEST_TIMED_OUT),
            5 => Lot::AppliedAndRefused(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            6 => Lot::Refused(ErrorCode::MESSAGE_TOO_LARGE),
            _ => Lot::Truth,
        }
    }

    /// Appends as the leader `broker` would.
    pub(super) fn append(&self, broker: i32, partition: usize, batch: &Batch) -> Result<Appended, ErrorCode> {
        let records = batch.records(Decompression::default()).expect("the batch is readable");
        let values = records.iter().map(|record| {
            let record = record.expect("the record is readable");
            String::from_utf8(record.value().expect("a value").to_vec()).expect("text")
        });
        let values = values.collect();
        let mut world = self.world();
        let log = &mut world.logs[partition];
        if log.leader != broker {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let result = log.append(batch, values);
        match result {
            Ok(Appended::Fresh { new_epoch, .. }) => world.seen.new_epochs += usize::from(new_epoch),
            Ok(Appended::Known { .. }) => world.seen.repeated += 1,
            Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) => world.seen.out_of_order += 1,
            Err(_) => {}
        }
        result
    }

    /// Whether the batch is still there to be acknowledged by `broker`; from now on it is.
    pub(super) fn answer(&self, broker: i32, partition: usize, stamp: ProducerStamp) -> bool {
        let mut world = self.world();
        let log = &mut world.logs[partition];
        log.leader == broker && log.answer(stamp)
    }
}
