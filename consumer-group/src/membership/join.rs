//! JoinGroup and SyncGroup.

use std::time::Duration;

use ottla_kafka_core::TopicPartition;

use super::{
    Membership,
    action::{Action, Attempt, MemberId},
    input::{Failure, JoinAnswer},
    state::{Coordinator, Phase},
    trouble::Trouble,
};

impl Membership {
    pub(super) fn join_due(&self) -> Option<Duration> {
        match (&self.phase, &self.coordinator) {
            (Phase::Joining { request: None, not_before }, Coordinator::Known(_)) => Some(*not_before),
            _ => None,
        }
    }

    pub(super) fn join(&mut self, now: Duration, out: &mut Vec<Action>) {
        let Some(coordinator) = self.coordinator().cloned() else { return };
        self.pulse.due = now.saturating_add(self.settings.heartbeat_interval);
        let attempt = self.next_attempt();
        self.phase = Phase::Joining { request: Some(attempt), not_before: Duration::ZERO };
        out.push(Action::Join { attempt, coordinator, member_id: self.member.id.clone() });
    }

    pub(super) fn rejoin(&mut self, now: Duration) {
        self.leads = false;
        self.phase = Phase::Joining { request: None, not_before: now };
    }

    pub(super) fn rejoin_later(&mut self, now: Duration) {
        let delay = self.failed();
        self.rejoin(now.saturating_add(delay));
    }

    pub(super) fn joined(
        &mut self,
        now: Duration,
        attempt: Attempt,
        answer: Result<JoinAnswer, Failure>,
        out: &mut Vec<Action>,
    ) {
        if !matches!(self.phase, Phase::Joining { request: Some(request), .. } if request == attempt) {
            return;
        }
        match answer {
            // At once, unless the coordinator asks for it again and again.
            Ok(JoinAnswer::MemberIdRequired(id)) if self.member.id.is_empty() && !id.is_empty() => {
                self.member.id = id;
                self.rejoin(now);
            }
            Ok(JoinAnswer::MemberIdRequired(_)) => self.rejoin_later(now),
            Ok(JoinAnswer::Joined { generation, member_id, leads, round }) => {
                self.member = MemberId { id: member_id, generation };
                self.leads = leads;
                self.confirmed(now);
                self.pulse.due = now.saturating_add(self.settings.heartbeat_interval);
                let Some(coordinator) = self.coordinator().cloned() else { return self.rejoin(now) };
                let attempt = self.next_attempt();
                self.phase = Phase::Syncing { request: attempt };
                out.push(Action::Sync { attempt, coordinator, member: self.member.clone(), round });
            }
            Err(failure) => self.join_failed(now, failure, out),
        }
    }

    pub(super) fn synced(
        &mut self,
        now: Duration,
        attempt: Attempt,
        answer: Result<Vec<TopicPartition>, Failure>,
        out: &mut Vec<Action>,
    ) {
        if self.phase != (Phase::Syncing { request: attempt }) {
            return;
        }
        match answer {
            Ok(partitions) => {
                self.phase = Phase::Stable;
                self.owns = !partitions.is_empty();
                self.failures = 0;
                self.confirmed(now);
                self.pulse.due = now.saturating_add(self.settings.heartbeat_interval);
                out.push(Action::Assigned { generation: self.member.generation, partitions });
            }
            Err(failure) => self.join_failed(now, failure, out),
        }
    }

    fn join_failed(&mut self, now: Duration, failure: Failure, out: &mut Vec<Action>) {
        match Trouble::from(failure) {
            Trouble::NotReady | Trouble::Rebalance => self.rejoin_later(now),
            Trouble::CoordinatorGone => self.lose_coordinator(now),
            Trouble::StaleGeneration(_) => {
                self.member.generation = -1;
                self.rejoin_later(now);
            }
            Trouble::UnknownMember(_) => {
                self.member = MemberId::none();
                self.rejoin_later(now);
            }
            Trouble::Fenced(_) => self.fence(out),
            Trouble::Refused | Trouble::Unexpected => self.refuse(out),
        }
    }

    /// Says why, and waits for the application to poll again.
    pub(super) fn refuse(&mut self, out: &mut Vec<Action>) {
        self.phase = Phase::Refused;
        self.leads = false;
        out.push(Action::Report);
    }

    /// Two processes with one instance id would fence each other forever: the older one gives in.
    pub(super) fn fence(&mut self, out: &mut Vec<Action>) {
        self.phase = Phase::Ended;
        out.push(Action::Fenced);
    }
}
