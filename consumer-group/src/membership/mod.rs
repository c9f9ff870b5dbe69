//! A member of a group by Kafka's classic protocol, as a pure state machine.
//!
//! [`Membership::handle`] takes what happened and says what to do; [`Membership::deadline`] says when to call it
//! with [`Input::Tick`]. Time is what the caller says it is, requests are the caller's to send, and each carries an
//! [`Attempt`], so that the answer to a request that was given up cannot be mistaken for another's.
//!
//! ```text
//! Outside ─resume→ Joining → Syncing → Stable ─rebalance→ Revoking ─released→ Joining …
//!    ↑ nobody polls                      └─ expelled, session expired: Lost → Joining
//! ```
//!
//! Where the coordinator is, is a matter of its own: a stable member stays one while it looks for it.
//! The protocol: Kafka's "Group Membership Protocol", KIP-62, KIP-345, KIP-394, KIP-814.

mod action;
mod alone;
mod coordinator;
mod heartbeat;
mod input;
mod join;
mod state;
#[cfg(test)]
mod tests;
mod trouble;

use std::time::Duration;

use ottla_kafka_core::BrokerAddr;

pub(crate) use action::{Action, Attempt, JoinedMember, Loss, MemberId, Round};
pub(crate) use input::{Failure, Input, JoinAnswer};
pub(crate) use state::{Alone, Settings};
use state::{Coordinator, Phase, Pulse};

use crate::status::GroupState;

/// Where the member stands in the protocol.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    settings: Settings,
    phase: Phase,
    coordinator: Coordinator,
    member: MemberId,
    /// Whether this member leads the group, so that changed partition counts are its business.
    leads: bool,
    /// Whether the application was given partitions that it has not given back.
    owns: bool,
    pulse: Pulse,
    polled_at: Duration,
    attempts: u64,
    /// Failures in a row, for the delay before the next try.
    failures: u32,
}

impl Membership {
    /// Outside of the group until [`Input::Resume`].
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Outside,
            coordinator: Coordinator::Unknown { not_before: Duration::ZERO },
            member: MemberId::none(),
            leads: false,
            owns: false,
            pulse: Pulse::default(),
            polled_at: Duration::ZERO,
            attempts: 0,
            failures: 0,
        }
    }

    /// The coordinator, while known.
    pub(crate) fn coordinator(&self) -> Option<&BrokerAddr> {
        match &self.coordinator {
            Coordinator::Known(broker) => Some(broker),
            Coordinator::Unknown { .. } | Coordinator::Finding(_) => None,
        }
    }

    /// The member's id and generation, as commits carry them.
    pub(crate) fn member(&self) -> &MemberId {
        &self.member
    }

    /// Whether this member is the leader of a stable group.
    pub(crate) fn leads(&self) -> bool {
        self.leads && self.is_stable()
    }

    /// Whether it has its assignment and keeps it.
    pub(crate) fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    /// Where it stands, for the application.
    pub(crate) fn state(&self) -> GroupState {
        match self.phase {
            Phase::Outside | Phase::Refused => GroupState::Outside,
            Phase::Joining { .. } | Phase::Syncing { .. } => GroupState::Joining,
            Phase::Stable | Phase::Alone => GroupState::Stable,
            Phase::Revoking { .. } => GroupState::Revoking,
            Phase::Ended => GroupState::Closed,
        }
    }

    /// Whether it does nothing until [`Input::Resume`].
    pub(crate) fn is_parked(&self) -> bool {
        matches!(self.phase, Phase::Outside | Phase::Refused)
    }

    /// Whether it owns partitions, or is about to be told which.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Stable | Phase::Alone | Phase::Revoking { .. })
    }

    /// Takes what happened at `now` and says what to do.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        if self.phase == Phase::Ended {
            return out;
        }
        match input {
            Input::Tick => {}
            Input::Polled { at } => self.polled_at = self.polled_at.max(at),
            Input::Resume => self.resume(now, &mut out),
            Input::CoordinatorFound { attempt, answer } => self.coordinator_found(now, attempt, answer, &mut out),
            Input::Joined { attempt, answer } => self.joined(now, attempt, answer, &mut out),
            Input::Synced { attempt, answer } => self.synced(now, attempt, answer, &mut out),
            Input::HeartbeatAnswered { attempt, answer } => self.heartbeat_answered(now, attempt, answer, &mut out),
            Input::RequestFailed { coordinator, generation, failure } => {
                self.request_failed(now, &coordinator, generation, failure, &mut out);
            }
            Input::PartitionsChanged => {
                if self.phase == Phase::Stable {
                    self.give_back(now, &mut out);
                }
            }
            Input::Released => {
                if matches!(self.phase, Phase::Revoking { .. }) {
                    self.owns = false;
                    self.rejoin(now);
                }
            }
            Input::Close => self.close(&mut out),
        }
        self.advance(now, &mut out);
        out
    }

    /// When to call with [`Input::Tick`] if nothing else happens before.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.is_alone() {
            return self.find_due();
        }
        if !self.phase.is_in_group() {
            return None;
        }
        let poll = Some(self.polled_at.saturating_add(self.settings.max_poll_interval));
        let session = self.is_settled().then(|| self.session_end());
        let drain = match self.phase {
            Phase::Revoking { until } => Some(until),
            _ => None,
        };
        let next = [self.find_due(), self.join_due(), self.heartbeat_due()];
        [poll, session, drain].into_iter().chain(next).flatten().min()
    }

    /// Does what is due at `now`.
    fn advance(&mut self, now: Duration, out: &mut Vec<Action>) {
        if self.is_alone() {
            return self.find_if_due(now, out);
        }
        if !self.phase.is_in_group() {
            return;
        }
        if self.polled_at.saturating_add(self.settings.max_poll_interval) <= now {
            return self.leave_for_want_of_polls(out);
        }
        if self.is_settled() && self.session_end() <= now {
            self.session_expired(now, out);
        }
        if let Phase::Revoking { until } = self.phase
            && until <= now
        {
            self.lose(Loss::DrainExceeded, out);
            self.rejoin(now);
        }
        self.find_if_due(now, out);
        if self.join_due().is_some_and(|due| due <= now) {
            self.join(now, out);
        }
        if self.heartbeat_due().is_some_and(|due| due <= now) {
            self.beat(now, out);
        }
    }

    /// The application asks for events: a member outside joins, one that was refused tries again.
    fn resume(&mut self, now: Duration, out: &mut Vec<Action>) {
        self.polled_at = self.polled_at.max(now);
        match self.phase {
            Phase::Outside => match self.settings.alone.clone() {
                Some(alone) => self.begin_alone(alone, out),
                None => self.rejoin(now),
            },
            Phase::Refused => self.rejoin_later(now),
            _ => {}
        }
    }

    /// Asks the application to give its partitions back, then joins anew.
    fn give_back(&mut self, now: Duration, out: &mut Vec<Action>) {
        if !self.owns {
            return self.rejoin(now);
        }
        self.phase = Phase::Revoking { until: now.saturating_add(self.settings.revoke_drain) };
        out.push(Action::Revoke);
    }

    fn lose(&mut self, loss: Loss, out: &mut Vec<Action>) {
        if std::mem::take(&mut self.owns) {
            out.push(Action::Lost(loss));
        }
    }

    fn leave_for_want_of_polls(&mut self, out: &mut Vec<Action>) {
        self.lose(Loss::PollIntervalExceeded, out);
        self.leave(out);
        self.phase = Phase::Outside;
        self.pulse = Pulse::default();
        if !self.settings.is_static {
            self.member = MemberId::none();
        }
    }

    fn close(&mut self, out: &mut Vec<Action>) {
        if self.phase.is_in_group() {
            self.leave(out);
        }
        self.phase = Phase::Ended;
        out.push(Action::Closed);
    }

    /// A static member keeps its place until its session expires, so that a restart moves nothing.
    fn leave(&self, out: &mut Vec<Action>) {
        if let Some(coordinator) = self.coordinator()
            && !self.settings.is_static
            && !self.member.id.is_empty()
        {
            out.push(Action::Leave { coordinator: coordinator.clone(), member: self.member.clone() });
        }
    }

    fn next_attempt(&mut self) -> Attempt {
        self.attempts = self.attempts.wrapping_add(1);
        Attempt(self.attempts)
    }

    /// The delay before the next try: 100 ms, doubled by each failure in a row, 1 s at most.
    fn failed(&mut self) -> Duration {
        let delay = Duration::from_millis(100 << self.failures.min(4)).min(Duration::from_secs(1));
        self.failures = self.failures.saturating_add(1);
        delay
    }
}
