//! The requests of a group's owner. Each is one attempt; what follows a failure is the owner's decision.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use ottla_kafka_core::{BrokerAddr, Error, ErrorCode, TopicPartition};

use crate::{
    assignor::PartitionCounts,
    membership::{JoinAnswer, MemberId, Round},
    offsets::{Committed, Offsets},
    start::LogPlace,
};

/// What a member asks the coordinator and the other brokers. Error codes arrive as errors.
pub(crate) trait Requests: Send + Sync + 'static {
    /// FindCoordinator.
    fn find_coordinator(&self) -> impl Future<Output = Result<BrokerAddr, Error>> + Send;

    /// The topics to subscribe to now: those that were named, or those that match the pattern.
    fn subscription(&self) -> impl Future<Output = Result<Vec<Arc<str>>, Error>> + Send;

    /// JoinGroup with these topics, until the barrier falls.
    fn join(
        &self,
        to: BrokerAddr,
        member_id: String,
        topics: Vec<Arc<str>>,
    ) -> impl Future<Output = Result<JoinAnswer, Error>> + Send;

    /// Assigns partitions to the members of the round, if any, and sends SyncGroup.
    fn sync(
        &self,
        to: BrokerAddr,
        member: MemberId,
        round: Round,
    ) -> impl Future<Output = Result<Synced, Error>> + Send;

    /// Heartbeat.
    fn heartbeat(&self, to: BrokerAddr, member: MemberId) -> impl Future<Output = Result<(), Error>> + Send;

    /// LeaveGroup.
    fn leave(&self, to: BrokerAddr, member: MemberId) -> impl Future<Output = Result<(), Error>> + Send;

    /// OffsetCommit: the code of each partition, within `limit`.
    fn commit(
        &self,
        to: BrokerAddr,
        member: MemberId,
        offsets: Offsets,
        limit: Duration,
    ) -> impl Future<Output = Result<BTreeMap<TopicPartition, ErrorCode>, Error>> + Send;

    /// OffsetFetch.
    fn committed(
        &self,
        to: BrokerAddr,
        partitions: Vec<TopicPartition>,
    ) -> impl Future<Output = Result<Committed, Error>> + Send;

    /// The offset at this place of each partition's log.
    fn log_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        place: LogPlace,
    ) -> impl Future<Output = Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error>> + Send;

    /// How many partitions the topics have now, and what there is to subscribe to.
    fn look_around(&self, topics: Vec<Arc<str>>) -> impl Future<Output = Result<Surroundings, Error>> + Send;
}

/// The answer to SyncGroup.
#[derive(Clone, Debug)]
pub(crate) struct Synced {
    pub(crate) partitions: Vec<TopicPartition>,
    /// What the leader based its assignment on.
    pub(crate) led: Option<GroupTopics>,
}

/// The topics of all members, and the partitions they had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupTopics {
    pub(crate) topics: Vec<Arc<str>>,
    pub(crate) counts: PartitionCounts,
}

/// What the cluster has now of the group's topics, and for this member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) counts: PartitionCounts,
    /// Sorted, each once.
    pub(crate) subscription: Vec<Arc<str>>,
}
