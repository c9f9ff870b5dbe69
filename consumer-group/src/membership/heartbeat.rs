//! Heartbeats, the session, and what other requests say about the member.

use std::time::Duration;

use ottla_kafka_core::BrokerAddr;

use super::{
    Membership,
    action::{Action, Attempt, Loss, MemberId},
    input::Failure,
    state::{Beat, Coordinator, Phase},
    trouble::Trouble,
};

impl Membership {
    /// Heartbeats keep the session alive, and while a JoinGroup or SyncGroup waits, they show that the coordinator
    /// still lives: those two may take minutes, and a silent coordinator would look the same.
    pub(super) fn heartbeat_due(&self) -> Option<Duration> {
        let beats = match self.phase {
            Phase::Stable | Phase::Revoking { .. } | Phase::Syncing { .. } => true,
            Phase::Joining { request, .. } => request.is_some(),
            Phase::Outside | Phase::Alone | Phase::Refused | Phase::Ended => false,
        };
        let ready = self.pulse.in_flight.is_none() && !self.member.id.is_empty() && self.coordinator().is_some();
        (beats && ready).then_some(self.pulse.due)
    }

    pub(super) fn beat(&mut self, now: Duration, out: &mut Vec<Action>) {
        let Some(coordinator) = self.coordinator().cloned() else { return };
        let attempt = self.next_attempt();
        self.pulse.in_flight = Some(Beat { attempt, generation: self.member.generation, sent_at: now });
        out.push(Action::Heartbeat { attempt, coordinator, member: self.member.clone() });
    }

    pub(super) fn heartbeat_answered(
        &mut self,
        now: Duration,
        attempt: Attempt,
        answer: Result<(), Failure>,
        out: &mut Vec<Action>,
    ) {
        let Some(beat) = self.pulse.in_flight.take_if(|beat| beat.attempt == attempt) else { return };
        self.pulse.due = beat.sent_at.saturating_add(self.settings.heartbeat_interval).max(now);
        let trouble = answer.map_err(Trouble::from);
        if let Ok(()) | Err(Trouble::Rebalance) = trouble {
            self.failures = 0;
            self.confirmed(beat.sent_at);
        }
        match trouble {
            Ok(()) => {}
            Err(Trouble::NotReady | Trouble::Unexpected) => self.pulse.due = now.saturating_add(self.failed()),
            Err(Trouble::CoordinatorGone) => self.lose_coordinator(now),
            Err(trouble) if self.is_settled() && beat.generation == self.member.generation => {
                self.doubted(now, trouble, out);
            }
            // The generation that this is about is over.
            Err(_) => {}
        }
    }

    /// A commit or an offset fetch learned something about the member.
    pub(super) fn request_failed(
        &mut self,
        now: Duration,
        coordinator: &BrokerAddr,
        generation: i32,
        failure: Failure,
        out: &mut Vec<Action>,
    ) {
        match Trouble::from(failure) {
            Trouble::CoordinatorGone if self.coordinator() == Some(coordinator) => self.lose_coordinator(now),
            Trouble::CoordinatorGone | Trouble::NotReady | Trouble::Refused | Trouble::Unexpected => {}
            // Its partitions are its own whatever a group says of its commits.
            _ if self.is_alone() => {}
            trouble if self.is_settled() && generation == self.member.generation => self.doubted(now, trouble, out),
            _ => {}
        }
    }

    /// The coordinator has its doubts about a settled member.
    fn doubted(&mut self, now: Duration, trouble: Trouble, out: &mut Vec<Action>) {
        match trouble {
            Trouble::Rebalance if self.phase == Phase::Stable => self.give_back(now, out),
            Trouble::StaleGeneration(code) => {
                self.lose(Loss::Expelled(code), out);
                self.member.generation = -1;
                self.rejoin(now);
            }
            Trouble::UnknownMember(code) => {
                self.lose(Loss::Expelled(code), out);
                self.member = MemberId::none();
                self.rejoin(now);
            }
            Trouble::Fenced(code) => {
                self.lose(Loss::Expelled(code), out);
                self.fence(out);
            }
            Trouble::Refused => {
                self.lose(Loss::SessionExpired, out);
                self.refuse(out);
            }
            Trouble::Rebalance | Trouble::NotReady | Trouble::CoordinatorGone | Trouble::Unexpected => {}
        }
    }

    pub(super) fn confirmed(&mut self, at: Duration) {
        self.pulse.confirmed_at = self.pulse.confirmed_at.max(at);
    }

    pub(super) fn session_end(&self) -> Duration {
        self.pulse.confirmed_at.saturating_add(self.settings.session_timeout)
    }

    /// The coordinator has given this member up, or will: its partitions may be another's already.
    pub(super) fn session_expired(&mut self, now: Duration, out: &mut Vec<Action>) {
        self.lose(Loss::SessionExpired, out);
        self.member.generation = -1;
        self.pulse.in_flight = None;
        self.coordinator = Coordinator::Unknown { not_before: now };
        self.rejoin(now);
    }
}
