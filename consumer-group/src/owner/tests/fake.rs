//! A coordinator with one member, whose answers a test scripts, and a fetcher of positions.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ottla_kafka_core::{BrokerAddr, Error, ErrorCode, ErrorKind, Fetched, TopicPartition};
use tokio::sync::Notify;
use uuid::Uuid;

use super::tp;
use crate::{
    assignor::Assignor,
    assignor::PartitionCounts,
    coordinator::{GroupTopics, Requests, Surroundings, Synced},
    fetching::Fetching,
    membership::{JoinAnswer, JoinedMember, MemberId, Round},
    offsets::{Committed, Offsets},
    start::LogPlace,
};

/// How a request fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Code(ErrorCode),
    Disconnect,
    /// No answer within the limit that the client would set.
    Silence(Duration),
}

#[derive(Default)]
pub(super) struct Fake {
    state: Mutex<State>,
    fetched: Notify,
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    faults: BTreeMap<&'static str, VecDeque<Fault>>,
    generation: i32,
    /// The group waits for its member to join again.
    is_rebalancing: bool,
    committed: Offsets,
    log_start: i64,
    partitions: Option<i32>,
    more_topics: Vec<Arc<str>>,
    follows: bool,
    /// What the fetcher reads, and what it will deliver.
    reading: BTreeMap<TopicPartition, i64>,
    /// The topic in which each is read, where the owner said it.
    read_in: BTreeMap<TopicPartition, Uuid>,
    topic_id: Option<Uuid>,
    doubted: Vec<TopicPartition>,
    paused: Vec<TopicPartition>,
    deliveries: VecDeque<Fetched>,
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests of this kind, so far.
    pub(super) fn count(&self, call: &str) -> usize {
        self.state().calls.iter().filter(|made| made.split(' ').next() == Some(call)).count()
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The next request of this kind fails.
    pub(super) fn fail(&self, call: &'static str, fault: Fault) {
        self.state().faults.entry(call).or_default().push_back(fault);
    }

    pub(super) fn rebalance(&self) {
        self.state().is_rebalancing = true;
    }

    pub(super) fn committed(&self, partition: i32) -> Option<i64> {
        self.state().committed.get(&tp(partition)).map(|committed| committed.offset())
    }

    pub(super) fn set_committed(&self, partition: i32, offset: i64) {
        self.state().committed.insert(tp(partition), crate::OffsetAndMetadata::new(offset));
    }

    pub(super) fn set_log_start(&self, offset: i64) {
        self.state().log_start = offset;
    }

    pub(super) fn set_partitions(&self, count: i32) {
        self.state().partitions = Some(count);
    }

    /// Whether its member leads the group; it does unless told otherwise.
    pub(super) fn lead(&self, leads: bool) {
        self.state().follows = !leads;
    }

    /// Another topic matches the pattern from now on.
    pub(super) fn add_topic(&self, topic: &str) {
        self.state().more_topics.push(topic.into());
    }

    fn subscription_now(&self) -> Vec<Arc<str>> {
        let more = self.state().more_topics.clone();
        std::iter::once("t".into()).chain(more).collect()
    }

    /// The partitions that are read, with their offsets.
    pub(super) fn reading(&self) -> Vec<(i32, i64)> {
        self.state().reading.iter().map(|(tp, offset)| (tp.partition(), *offset)).collect()
    }

    /// In which topic the partitions are read, where the owner said it.
    pub(super) fn read_in(&self) -> Vec<(i32, u128)> {
        self.state().read_in.iter().map(|(tp, id)| (tp.partition(), id.as_u128())).collect()
    }

    /// Every position that is read is in this topic.
    pub(super) fn set_topic_id(&self, id: u128) {
        self.state().topic_id = Some(Uuid::from_u128(id));
    }

    /// Whether the fetcher has heard that the topic of this partition is gone.
    pub(super) fn doubt(&self, partition: i32, is_in_doubt: bool) {
        let mut state = self.state();
        state.doubted.retain(|other| *other != tp(partition));
        if is_in_doubt {
            state.doubted.push(tp(partition));
        }
    }

    pub(super) fn paused(&self) -> Vec<i32> {
        self.state().paused.iter().map(TopicPartition::partition).collect()
    }

    pub(super) fn undelivered(&self) -> usize {
        self.state().deliveries.len()
    }

    pub(super) fn deliver(&self, fetched: Fetched) {
        self.state().deliveries.push_back(fetched);
        self.fetched.notify_one();
    }

    pub(super) fn deliver_position(&self, partition: i32, offset: i64) {
        self.deliver(Fetched::Progress { topic_partition: tp(partition), offset });
    }

    fn partitions(&self) -> PartitionCounts {
        [("t".into(), self.state().partitions.unwrap_or(2))].into()
    }

    /// Notes a request, and lets it fail if the test says so.
    async fn called(&self, call: &'static str, what: String) -> Result<(), Error> {
        let fault = {
            let mut state = self.state();
            state.calls.push(format!("{call} {what}").trim_end().to_owned());
            state.faults.get_mut(call).and_then(VecDeque::pop_front)
        };
        match fault {
            None => Ok(()),
            Some(Fault::Code(code)) => Err(Error::broker(code, call)),
            Some(Fault::Disconnect) => {
                let kind = ErrorKind::Disconnected { broker: broker(), reason: "a test".to_owned() };
                Err(Error::new(kind).with_maybe_applied(true))
            }
            Some(Fault::Silence(limit)) => {
                tokio::time::sleep(limit).await;
                let timeout = ErrorKind::Timeout { what: call.to_owned(), after: limit };
                Err(Error::new(timeout).with_maybe_applied(true))
            }
        }
    }

    fn check(&self, member: &MemberId, call: &'static str) -> Result<(), Error> {
        let state = self.state();
        let code = match () {
            // A commit of who is no member.
            () if member.id.is_empty() && member.generation == -1 => return Ok(()),
            () if member.id != "m" => ErrorCode::UNKNOWN_MEMBER_ID,
            () if member.generation != state.generation => ErrorCode::ILLEGAL_GENERATION,
            () if state.is_rebalancing && call == "heartbeat" => ErrorCode::REBALANCE_IN_PROGRESS,
            () => return Ok(()),
        };
        Err(Error::broker(code, call))
    }
}

fn broker() -> BrokerAddr {
    BrokerAddr::new("coordinator", 1)
}

impl Requests for Arc<Fake> {
    async fn find_coordinator(&self) -> Result<BrokerAddr, Error> {
        self.called("find", String::new()).await.map(|()| broker())
    }

    async fn subscription(&self) -> Result<Vec<Arc<str>>, Error> {
        Ok(self.subscription_now())
    }

    async fn join(&self, _: BrokerAddr, member_id: String, topics: Vec<Arc<str>>) -> Result<JoinAnswer, Error> {
        self.called("join", format!("{member_id} {}", topics.join(" "))).await?;
        if member_id.is_empty() {
            return Ok(JoinAnswer::MemberIdRequired("m".to_owned()));
        }
        let mut state = self.state();
        state.generation += 1;
        state.is_rebalancing = false;
        let leads = !state.follows;
        let members = vec![JoinedMember { member_id: member_id.clone(), instance_id: None, metadata: "".into() }];
        let round = Round { assignor: Assignor::Range, members, keeps_assignment: false };
        Ok(JoinAnswer::Joined { generation: state.generation, member_id, leads, round })
    }

    async fn sync(&self, _: BrokerAddr, member: MemberId, _: Round) -> Result<Synced, Error> {
        self.called("sync", member.generation.to_string()).await?;
        let counts = self.partitions();
        let partitions = (0..counts.values().sum()).map(tp).collect();
        let led = (!self.state().follows).then(|| GroupTopics { topics: vec!["t".into()], counts });
        Ok(Synced { partitions, led })
    }

    async fn heartbeat(&self, _: BrokerAddr, member: MemberId) -> Result<(), Error> {
        self.called("heartbeat", member.generation.to_string()).await?;
        self.check(&member, "heartbeat")
    }

    async fn leave(&self, _: BrokerAddr, member: MemberId) -> Result<(), Error> {
        self.called("leave", member.id).await
    }

    async fn commit(
        &self,
        _: BrokerAddr,
        member: MemberId,
        offsets: Offsets,
        _: Duration,
    ) -> Result<BTreeMap<TopicPartition, ErrorCode>, Error> {
        let what: Vec<String> = offsets.iter().map(|(tp, o)| format!("{tp}@{}", o.offset())).collect();
        let answer = |code: ErrorCode| offsets.keys().map(|tp| (tp.clone(), code)).collect();
        // As on the wire: OffsetCommit has no error of its own, each partition has one.
        match self.called("commit", what.join(" ")).await.and_then(|()| self.check(&member, "commit")) {
            Ok(()) => {}
            Err(error) => return error.code().map(answer).ok_or(error),
        }
        self.state().committed.extend(offsets.clone());
        Ok(answer(ErrorCode::NONE))
    }

    async fn committed(&self, _: BrokerAddr, partitions: Vec<TopicPartition>) -> Result<Committed, Error> {
        self.called("committed", String::new()).await?;
        let state = self.state();
        Ok(partitions.into_iter().map(|tp| (tp.clone(), Ok(state.committed.get(&tp).cloned()))).collect())
    }

    async fn log_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        place: LogPlace,
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        self.called("log_offsets", format!("{place:?}")).await?;
        let start = self.state().log_start;
        Ok(partitions.into_iter().map(|tp| (tp, Ok(start))).collect())
    }

    async fn look_around(&self, _: Vec<Arc<str>>) -> Result<Surroundings, Error> {
        self.called("look_around", String::new()).await?;
        Ok(Surroundings { counts: self.partitions(), subscription: self.subscription_now() })
    }
}

/// A fetcher that delivers what the test says, of what is assigned.
pub(super) struct FakeFetcher(pub(super) Arc<Fake>);

impl Fetching for FakeFetcher {
    fn assign(&mut self, tp: &TopicPartition, offset: i64, topic_id: Option<Uuid>) {
        let mut state = self.0.state();
        state.reading.insert(tp.clone(), offset);
        state.read_in.extend(topic_id.map(|id| (tp.clone(), id)));
    }

    fn unassign(&mut self, tp: &TopicPartition) {
        let mut state = self.0.state();
        state.reading.remove(tp);
        state.read_in.remove(tp);
        state.doubted.retain(|other| other != tp);
        state.paused.retain(|other| other != tp);
        state.deliveries.retain(|fetched| fetched.topic_partition() != tp);
    }

    fn pause(&mut self, tp: &TopicPartition) {
        self.0.state().paused.push(tp.clone());
    }

    fn resume(&mut self, tp: &TopicPartition) {
        self.0.state().paused.retain(|other| other != tp);
    }

    fn topic_id(&self, _: &TopicPartition) -> Option<Uuid> {
        self.0.state().topic_id
    }

    fn in_doubt(&self) -> Vec<TopicPartition> {
        self.0.state().doubted.clone()
    }

    async fn next(&mut self) -> Fetched {
        loop {
            let next = {
                let mut state = self.0.state();
                state.deliveries.pop_front()
            };
            match next {
                Some(fetched) => return fetched,
                None => self.0.fetched.notified().await,
            }
        }
    }
}
