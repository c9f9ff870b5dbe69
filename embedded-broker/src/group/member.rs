//! One member.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Action, Actions, JoinRefused, Ticket};
use crate::log::Refusal;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout: Duration,
    pub(super) rebalance_timeout: Duration,
    /// What it can be assigned by, best first, each with its subscription.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// When its session ends.
    pub(super) deadline: Instant,
    /// Its JoinGroup that waits for the others.
    pub(super) join: Option<Ticket>,
    /// Its SyncGroup that waits for the leader.
    pub(super) sync: Option<Ticket>,
}

impl Member {
    pub(super) fn seen(&mut self, now: Instant) {
        self.deadline = now + self.session_timeout;
    }

    /// When its session ends; never while it waits for the coordinator itself.
    pub(super) fn session_end(&self) -> Option<Instant> {
        (self.join.is_none() && self.sync.is_none()).then_some(self.deadline)
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// Its subscription under a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Answers whatever it waits for with an error.
    pub(super) fn dismiss(&mut self, member_id: &str, refusal: Refusal, actions: &mut Actions) {
        if let Some(ticket) = self.join.take() {
            let refused = JoinRefused { refusal, member_id: member_id.to_owned() };
            actions.push(Action::AnswerJoin(ticket, Err(refused)));
        }
        if let Some(ticket) = self.sync.take() {
            actions.push(Action::AnswerSync(ticket, Err(refusal)));
        }
    }
}
