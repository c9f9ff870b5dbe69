//! The requests over the client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{
    BrokerAddr, Client, ConnectionKind, Error, ErrorCode, ErrorKind, OffsetSpec, Target, TopicPartition,
    protocol::{
        Api, by_version,
        messages::{
            FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest, LeaveGroupRequest,
            leave_group_request::MemberIdentity,
        },
    },
};

use super::{
    join::{join_answer, join_request, subscribers, sync_answer, sync_request, text},
    requests::{GroupTopics, Requests, Surroundings, Synced},
    topics::{all_topics, by_name, counts},
};
use crate::{
    assignor::Assignments,
    config::GroupConfig,
    membership::{JoinAnswer, MemberId, Round},
    offsets::{Committed, Offsets, commit_answer, commit_request, committed_answer, committed_request},
    start::LogPlace,
};

/// How much longer than the rebalance timeout a JoinGroup is waited for: the coordinator's answer at the last moment
/// must still arrive.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// A leaving member is in a hurry, and the session timeout does the same later.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// [`Requests`] over a [`Client`].
#[derive(Debug)]
pub(crate) struct ClientRequests {
    client: Client,
    config: Arc<GroupConfig>,
}

impl ClientRequests {
    pub(crate) fn new(client: Client, config: Arc<GroupConfig>) -> Self {
        Self { client, config }
    }

    /// A request to the coordinator that is answered at once.
    async fn control<A: Api>(&self, to: BrokerAddr, request: &A, limit: Duration) -> Result<A::Answer, Error> {
        let limit = limit.min(self.client.request_timeout());
        self.client.call(Target::Address(to), ConnectionKind::Control, request, limit).await
    }

    /// A request to the coordinator that it answers when the other members have come.
    async fn barrier<A: Api>(&self, to: BrokerAddr, request: &A) -> Result<A::Answer, Error> {
        let limit = self.config.max_poll_interval.saturating_add(JOIN_GRACE);
        self.client.call(Target::Address(to), ConnectionKind::Join, request, limit).await
    }

    /// A heartbeat must fail early enough to find another coordinator within the session.
    fn heartbeat_limit(&self) -> Duration {
        self.config.session_timeout / 3
    }

    async fn list(
        &self,
        partitions: Vec<TopicPartition>,
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        let asked: Vec<_> = partitions.into_iter().map(|tp| (tp, spec)).collect();
        let listed = self.client.admin().list_offsets(&asked).await?;
        Ok(listed.into_iter().map(|(tp, listed)| (tp, listed.map(|listed| listed.offset))).collect())
    }

    /// What the leader assigns, and what it bases that on.
    async fn assign(&self, round: &Round) -> Result<(Assignments, GroupTopics), Error> {
        let members = subscribers(&round.members);
        let mut topics: Vec<Arc<str>> = members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
        topics.sort();
        topics.dedup();
        let names: Vec<&str> = topics.iter().map(|topic| topic.as_ref()).collect();
        let cluster = self.client.metadata().topics(&names).await?;
        let counts = counts(&cluster, &topics);
        let assignments = match round.keeps_assignment {
            true => Assignments::new(),
            false => round.assignor.assign(&counts, &members),
        };
        Ok((assignments, GroupTopics { topics, counts }))
    }
}

impl Requests for ClientRequests {
    async fn find_coordinator(&self) -> Result<BrokerAddr, Error> {
        let request = by_version(|version| {
            let key = text(&self.config.group_id);
            // KIP-699: several keys from version 4 on.
            if version >= 4 {
                FindCoordinatorRequest::default().with_coordinator_keys(vec![key])
            } else {
                FindCoordinatorRequest::default().with_key(key)
            }
        });
        let limit = self.client.request_timeout();
        let answer = self.client.call(Target::Any, ConnectionKind::Control, &request, limit).await?;
        coordinator(&answer)
    }

    async fn subscription(&self) -> Result<Vec<Arc<str>>, Error> {
        match self.config.pattern() {
            Some(pattern) => Ok(all_topics(&self.client).await?.surroundings(&[], pattern).subscription),
            None => Ok(self.config.topics.clone()),
        }
    }

    async fn join(&self, to: BrokerAddr, member_id: String, topics: Vec<Arc<str>>) -> Result<JoinAnswer, Error> {
        let answer = self.barrier(to, &join_request(&self.config, &member_id, &topics)).await?;
        join_answer(&self.config, answer)
    }

    async fn sync(&self, to: BrokerAddr, member: MemberId, round: Round) -> Result<Synced, Error> {
        let (assignments, led) = match round.members.as_slice() {
            [] => (Assignments::new(), None),
            _ => self.assign(&round).await.map(|(assignments, topics)| (assignments, Some(topics)))?,
        };
        let request = sync_request(&self.config, &member, round.assignor, &assignments);
        let answer = self.barrier(to.clone(), &request).await?;
        Ok(Synced { partitions: sync_answer(round.assignor, &to, &answer)?.partitions(), led })
    }

    async fn heartbeat(&self, to: BrokerAddr, member: MemberId) -> Result<(), Error> {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(&self.config.group_id)))
            .with_generation_id(member.generation)
            .with_member_id(text(&member.id))
            .with_group_instance_id(self.config.instance_id.as_deref().map(text));
        let answer = self.control(to, &request, self.heartbeat_limit()).await?;
        checked(ErrorCode(answer.error_code), "Heartbeat")
    }

    async fn leave(&self, to: BrokerAddr, member: MemberId) -> Result<(), Error> {
        let request = by_version(|version| {
            let request = LeaveGroupRequest::default().with_group_id(GroupId(text(&self.config.group_id)));
            let id = text(&member.id);
            // KIP-345: several members from version 3 on.
            if version >= 3 {
                request.with_members(vec![MemberIdentity::default().with_member_id(id)])
            } else {
                request.with_member_id(id)
            }
        });
        let answer = self.control(to, &request, LEAVE_LIMIT).await?;
        checked(ErrorCode(answer.error_code), "LeaveGroup")
    }

    async fn commit(
        &self,
        to: BrokerAddr,
        member: MemberId,
        offsets: Offsets,
        limit: Duration,
    ) -> Result<BTreeMap<TopicPartition, ErrorCode>, Error> {
        let config = &self.config;
        let request = commit_request(&config.group_id, config.instance_id.as_deref(), &member, &offsets);
        let answer = self.control(to, &request, limit).await?;
        commit_answer(&offsets, &answer)
    }

    async fn committed(&self, to: BrokerAddr, partitions: Vec<TopicPartition>) -> Result<Committed, Error> {
        let request = by_version(|version| committed_request(&self.config.group_id, &partitions, version));
        let answer = self.control(to, &request, self.client.request_timeout()).await?;
        committed_answer(&self.config.group_id, &partitions, &answer)
    }

    async fn log_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        place: LogPlace,
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        let spec = match place {
            LogPlace::Start => OffsetSpec::Earliest,
            LogPlace::End => OffsetSpec::Latest,
            LogPlace::At(ms) => OffsetSpec::Timestamp(ms),
            LogPlace::Since(age) => {
                let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                OffsetSpec::Timestamp(self.client.env().now_ms().saturating_sub(age_ms).max(0))
            }
        };
        let mut found = self.list(partitions, spec).await?;
        // No record is as young as that.
        let none = |found: &Result<i64, Error>| found.as_ref().is_ok_and(|offset| *offset < 0);
        let missing: Vec<_> = found.iter().filter(|(_, found)| none(found)).map(|(tp, _)| tp.clone()).collect();
        if !missing.is_empty() {
            found.extend(self.list(missing, OffsetSpec::Latest).await?);
        }
        Ok(found)
    }

    async fn look_around(&self, topics: Vec<Arc<str>>) -> Result<Surroundings, Error> {
        match self.config.pattern() {
            Some(pattern) => Ok(all_topics(&self.client).await?.surroundings(&topics, pattern)),
            None => by_name(&self.client, &self.config, topics).await,
        }
    }
}

fn checked(code: ErrorCode, api: &'static str) -> Result<(), Error> {
    if code.is_none() { Ok(()) } else { Err(Error::broker(code, api)) }
}

/// The coordinator's address; in version 4 it is in a list.
fn coordinator(answer: &FindCoordinatorResponse) -> Result<BrokerAddr, Error> {
    let (code, host, port) = match answer.coordinators.first() {
        Some(found) => (found.error_code, &found.host, found.port),
        None => (answer.error_code, &answer.host, answer.port),
    };
    checked(ErrorCode(code), "FindCoordinator")?;
    match u16::try_from(port) {
        Ok(port) if port > 0 && !host.is_empty() => Ok(BrokerAddr::new(host.as_str(), port)),
        _ => {
            let detail = format!("FindCoordinator answered with the address '{}:{port}'", host.escape_debug());
            Err(Error::new(ErrorKind::Protocol { broker: None, detail }))
        }
    }
}
