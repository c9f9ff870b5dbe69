//! The requests of one process, as they arrive at the coordinator.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{BrokerAddr, Error, ErrorCode, TopicPartition};
use tokio::time::{Instant, sleep};

use super::{
    MAX_POLL_INTERVAL, PARTITIONS, SESSION_TIMEOUT,
    coordinator::{Coordinator, Joined, Phase},
};
use crate::{
    assignor::Subscriber,
    coordinator::{GroupTopics, Requests, Surroundings, Synced},
    membership::{JoinAnswer, JoinedMember, MemberId, Round},
    offsets::{Committed, OffsetAndMetadata, Offsets},
    start::LogPlace,
};

/// A process's way to the coordinator.
pub(super) struct Node(pub(super) Arc<Coordinator>);

impl Requests for Node {
    async fn find_coordinator(&self) -> Result<BrokerAddr, Error> {
        sleep(Duration::from_millis(self.0.between(1, 30))).await;
        self.0.may_be_lost()?;
        Ok(BrokerAddr::new("coordinator", self.0.state().port))
    }

    async fn subscription(&self) -> Result<Vec<Arc<str>>, Error> {
        Ok(vec!["t".into()])
    }

    async fn join(&self, to: BrokerAddr, member_id: String, _: Vec<Arc<str>>) -> Result<JoinAnswer, Error> {
        self.0.arrives(&to, MAX_POLL_INTERVAL).await?;
        let generation = {
            let mut state = self.0.state();
            if member_id.is_empty() {
                state.ids += 1;
                return Ok(JoinAnswer::MemberIdRequired(format!("m{:03}", state.ids)));
            }
            state.prepare();
            state.members.insert(member_id.clone(), Joined { waits: true, expires: Instant::now() });
            state.generation
        };
        let joined = self.0.barrier(|state| {
            if !state.members.contains_key(&member_id) {
                return Some(Err(Error::broker(ErrorCode::UNKNOWN_MEMBER_ID, "JoinGroup")));
            }
            (state.generation > generation).then(|| Ok(state.round(&member_id)))
        });
        let joined = joined.await;
        self.0.may_be_lost()?;
        joined
    }

    async fn sync(&self, to: BrokerAddr, member: MemberId, round: Round) -> Result<Synced, Error> {
        self.0.arrives(&to, MAX_POLL_INTERVAL).await?;
        let counts = [("t".into(), PARTITIONS)].into();
        let synced = self.0.barrier(|state| {
            if let Err(error) = state.check(&member) {
                return Some(Err(error));
            }
            if state.phase == Phase::Completing && !round.members.is_empty() {
                let subscriber = |member: &JoinedMember| Subscriber {
                    member_id: member.member_id.clone(),
                    instance_id: None,
                    topics: ["t".into()].into(),
                };
                let members: Vec<Subscriber> = round.members.iter().map(subscriber).collect();
                state.assignments = round.assignor.assign(&counts, &members);
                state.phase = Phase::Stable;
                self.0.changed.notify_waiters();
            }
            match state.phase {
                Phase::Preparing { .. } => Some(Err(Error::broker(ErrorCode::REBALANCE_IN_PROGRESS, "SyncGroup"))),
                Phase::Completing => None,
                Phase::Stable => Some(Ok(state.assignments.get(&member.id).cloned().unwrap_or_default())),
            }
        });
        let partitions = synced.await?;
        self.0.may_be_lost()?;
        let led = (!round.members.is_empty()).then(|| GroupTopics { topics: vec!["t".into()], counts: counts.clone() });
        Ok(Synced { partitions, led })
    }

    async fn heartbeat(&self, to: BrokerAddr, member: MemberId) -> Result<(), Error> {
        self.0.arrives(&to, SESSION_TIMEOUT / 3).await?;
        let mut state = self.0.state();
        state.check(&member)?;
        match state.phase {
            Phase::Preparing { .. } => Err(Error::broker(ErrorCode::REBALANCE_IN_PROGRESS, "Heartbeat")),
            Phase::Completing | Phase::Stable => Ok(()),
        }
    }

    async fn leave(&self, to: BrokerAddr, member: MemberId) -> Result<(), Error> {
        self.0.arrives(&to, Duration::from_secs(5)).await?;
        self.0.state().remove(&member.id);
        self.0.changed.notify_waiters();
        Ok(())
    }

    async fn commit(
        &self,
        to: BrokerAddr,
        member: MemberId,
        offsets: Offsets,
        limit: Duration,
    ) -> Result<BTreeMap<TopicPartition, ErrorCode>, Error> {
        self.0.arrives(&to, limit).await?;
        let code = {
            let mut state = self.0.state();
            match state.check(&member) {
                Err(error) => error.code().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
                Ok(()) if state.phase == Phase::Completing => ErrorCode::REBALANCE_IN_PROGRESS,
                Ok(()) => {
                    offsets.iter().for_each(|(tp, offset)| state.commit(&member, tp, offset.offset()));
                    ErrorCode::NONE
                }
            }
        };
        self.0.may_be_lost()?;
        Ok(offsets.into_keys().map(|tp| (tp, code)).collect())
    }

    async fn committed(&self, to: BrokerAddr, partitions: Vec<TopicPartition>) -> Result<Committed, Error> {
        self.0.arrives(&to, Duration::from_secs(15)).await?;
        let state = self.0.state();
        let committed = |tp: &TopicPartition| state.committed.get(tp).map(|(_, at)| OffsetAndMetadata::new(*at));
        Ok(partitions.into_iter().map(|tp| (tp.clone(), Ok(committed(&tp)))).collect())
    }

    async fn log_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        _: LogPlace,
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        Ok(partitions.into_iter().map(|tp| (tp, Ok(0))).collect())
    }

    async fn look_around(&self, _: Vec<Arc<str>>) -> Result<Surroundings, Error> {
        Ok(Surroundings { counts: [("t".into(), PARTITIONS)].into(), subscription: vec!["t".into()] })
    }
}
