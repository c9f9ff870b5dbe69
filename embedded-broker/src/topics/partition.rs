//! A partition: its log, and which nodes have it. All nodes share the one log, so that a new leader has all of it.

use crate::log::{PartitionLog, Refusal};

/// A partition.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) log: PartitionLog,
    replicas: Vec<i32>,
    leader: Option<i32>,
}

impl Partition {
    /// An empty one; the first replica that is alive leads it.
    pub(crate) fn new(replicas: Vec<i32>, is_alive: impl Fn(i32) -> bool) -> Self {
        let leader = replicas.iter().copied().find(|node| is_alive(*node));
        Self { log: PartitionLog::default(), replicas, leader }
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
