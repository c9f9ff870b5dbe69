//! A partition: its log, and which nodes have it. All nodes share the one log, so that a new leader has all of it.

use bytes::Bytes;

use crate::{
    log::{Appended, Limits, PartitionLog, Prepared, Refusal},
    storage::Segments,
};

/// A partition.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) log: PartitionLog,
    replicas: Vec<i32>,
    leader: Option<i32>,
    /// Where batches are written down, if they are.
    segments: Option<Segments>,
    /// What was written down of it: its start, and its leader's epoch.
    written: Option<(i64, i32)>,
}

impl Partition {
    /// An empty one; the first replica that is alive leads it.
    pub(crate) fn new(replicas: Vec<i32>, is_alive: impl Fn(i32) -> bool) -> Self {
        let leader = replicas.iter().copied().find(|node| is_alive(*node));
        Self { replicas, leader, ..Self::default() }
    }

    /// One that was there before the broker was started: it has a new leader.
    pub(crate) fn restored(replicas: Vec<i32>, log: PartitionLog, segments: Segments) -> Self {
        let leader = replicas.first().copied();
        let mut partition = Self { log, replicas, leader, segments: Some(segments), written: None };
        partition.log.begin_epoch();
        partition
    }

    /// Its batches are written down from now on.
    pub(crate) fn stored_in(self, segments: Segments) -> Self {
        Self { segments: Some(segments), ..self }
    }

    /// Appends a batch, after it was written down.
    pub(crate) fn append(&mut self, records: &Bytes, limits: Limits) -> Result<Appended, Refusal> {
        let placed = match self.log.prepare(records, limits)? {
            Prepared::Duplicate(appended) => return Ok(appended),
            Prepared::New(placed) => placed,
        };
        if let Some(segments) = &mut self.segments {
            segments.append(self.log.end(), placed.bytes()).map_err(|error| {
                tracing::error!(%error, "a batch cannot be written down");
                Refusal::KafkaStorageError
            })?;
        }
        Ok(self.log.take(placed, limits))
    }

    /// Lets go of what has grown too old, and of files nobody reads any more.
    pub(crate) fn keep_house(&mut self, now_ms: i64, limits: Limits) {
        self.log.forget_older(now_ms, limits);
        if let Some(segments) = &mut self.segments {
            segments.forget_before(self.log.start());
        }
    }

    /// Its start and its leader's epoch, if they are not written down yet.
    pub(crate) fn changed(&mut self) -> Option<(i64, i32)> {
        self.segments.as_ref()?;
        let now = (self.log.start(), self.log.leader_epoch());
        (self.written.replace(now) != Some(now)).then_some(now)
    }

    /// Brings what was written to the disk.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.segments.as_ref().map_or(Ok(()), Segments::sync)
    }

    /// `None` while every replica is down.
    pub(crate) fn leader(&self) -> Option<i32> {
        self.leader
    }

    pub(crate) fn replicas(&self) -> &[i32] {
        &self.replicas
    }

    /// Whether `node` leads it: only the leader answers for a partition.
    pub(crate) fn check_leader(&self, node: i32) -> Result<(), Refusal> {
        if self.leader == Some(node) { Ok(()) } else { Err(Refusal::NotLeaderOrFollower) }
    }

    /// Has `node` lead, in a new epoch. Where it was no replica, it takes the place of the old leader.
    pub(crate) fn move_to(&mut self, node: i32) {
        if !self.replicas.contains(&node) {
            match self.replicas.iter_mut().find(|replica| Some(**replica) == self.leader) {
                Some(replica) => *replica = node,
                None => self.replicas.push(node),
            }
        }
        self.leader = Some(node);
        self.log.begin_epoch();
    }

    /// The leader is gone: the next replica that is alive leads, if there is one.
    pub(crate) fn lost(&mut self, node: i32, is_alive: impl Fn(i32) -> bool) {
        if self.leader != Some(node) {
            return;
        }
        self.leader = self.replicas.iter().copied().find(|replica| is_alive(*replica));
        if self.leader.is_some() {
            self.log.begin_epoch();
        }
    }

    /// A replica is back: it leads if nobody else does.
    pub(crate) fn returned(&mut self, node: i32) {
        if self.leader.is_none() && self.replicas.contains(&node) {
            self.leader = Some(node);
            self.log.begin_epoch();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leadership_follows_the_living_and_every_leader_has_its_epoch() {
        let mut partition = Partition::new(vec![2, 3], |_| true);
        let mut check = |act: &dyn Fn(&mut Partition), leader, epoch, replicas: &[i32]| {
            act(&mut partition);
            assert_eq!((partition.leader(), partition.log.leader_epoch()), (leader, epoch));
            assert_eq!(partition.replicas(), replicas);
        };
        check(&|_| {}, Some(2), 0, &[2, 3]);
        check(&|it| it.lost(1, |_| true), Some(2), 0, &[2, 3]);
        check(&|it| it.lost(2, |node| node == 3), Some(3), 1, &[2, 3]);
        check(&|it| it.lost(3, |_| false), None, 1, &[2, 3]);
        check(&|it| it.returned(1), None, 1, &[2, 3]);
        check(&|it| it.returned(2), Some(2), 2, &[2, 3]);
        check(&|it| it.returned(3), Some(2), 2, &[2, 3]);
        check(&|it| it.move_to(3), Some(3), 3, &[2, 3]);
        check(&|it| it.move_to(1), Some(1), 4, &[2, 1]);
    }
}
