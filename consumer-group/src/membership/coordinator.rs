//! Finding the coordinator, and losing it.

use std::time::Duration;

use ottla_kafka_core::BrokerAddr;

use super::{
    Membership,
    action::{Action, Attempt},
    input::Failure,
    state::{Coordinator, Phase},
    trouble::Trouble,
};

impl Membership {
    pub(super) fn find_due(&self) -> Option<Duration> {
        match self.coordinator {
            Coordinator::Unknown { not_before } => self.needs_coordinator().then_some(not_before),
            Coordinator::Finding(_) | Coordinator::Known(_) => None,
        }
    }

    pub(super) fn find_if_due(&mut self, now: Duration, out: &mut Vec<Action>) {
        if self.find_due().is_some_and(|due| due <= now) {
            self.find_coordinator(out);
        }
    }

    fn find_coordinator(&mut self, out: &mut Vec<Action>) {
        let attempt = self.next_attempt();
        self.coordinator = Coordinator::Finding(attempt);
        out.push(Action::FindCoordinator { attempt });
    }

    pub(super) fn coordinator_found(
        &mut self,
        now: Duration,
        attempt: Attempt,
        answer: Result<BrokerAddr, Failure>,
        out: &mut Vec<Action>,
    ) {
        if self.coordinator != Coordinator::Finding(attempt) {
            return;
        }
        match answer {
            Ok(broker) => {
                self.coordinator = Coordinator::Known(broker);
                // It learns at once that this member lives: the search may have taken most of the session.
                self.pulse.due = now;
            }
            Err(failure) => {
                self.coordinator = Coordinator::Unknown { not_before: now.saturating_add(self.failed()) };
                let is_final = matches!(Trouble::from(failure), Trouble::Refused | Trouble::Unexpected);
                // A settled member stays one while its session lasts, whatever other brokers say.
                if is_final && matches!(self.phase, Phase::Joining { .. }) {
                    self.refuse(out);
                }
            }
        }
    }

    /// What is in flight at the coordinator is given up with it; a settled member stays settled.
    pub(super) fn lose_coordinator(&mut self, now: Duration) {
        self.coordinator = Coordinator::Unknown { not_before: now.saturating_add(self.failed()) };
        self.pulse.in_flight = None;
        if matches!(self.phase, Phase::Joining { .. } | Phase::Syncing { .. }) {
            self.rejoin(now);
        }
    }
}
