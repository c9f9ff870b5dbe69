//! SyncGroup: the leader's assignment reaches the members.

use bytes::Bytes;
use tokio::time::Instant;

use super::{Action, Actions, Group, Member, Sender, State, Synced, Ticket};
use crate::log::Refusal;

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct SyncGroup<'a> {
    pub(crate) sender: Sender<'a>,
    pub(crate) generation: i32,
    /// What the member believes it is assigned by, since version 5.
    pub(crate) protocol_type: Option<&'a str>,
    pub(crate) protocol: Option<&'a str>,
    /// Each member's partitions, from the leader.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

impl Group {
    /// A member asks for its partitions. The answer may have to wait for the leader.
    pub(crate) fn sync(&mut self, now: Instant, sync: SyncGroup<'_>, ticket: Ticket, actions: &mut Actions) {
        if let Err(refusal) = self.check_sync(now, &sync) {
            actions.push(Action::AnswerSync(ticket, Err(refusal)));
            return;
        }
        let Some(member) = self.members.get_mut(sync.sender.member_id) else { return };
        if self.state == State::Stable {
            let synced = member.synced(&self.protocol_type, &self.protocol);
            actions.push(Action::AnswerSync(ticket, Ok(synced)));
            return;
        }
        if let Some(lost) = member.sync.replace(ticket) {
            actions.push(Action::AnswerSync(lost, Err(Refusal::RebalanceInProgress)));
        }
        if sync.sender.member_id == self.leader {
            self.assign(now, sync.assignments, actions);
        }
    }

    fn check_sync(&mut self, now: Instant, sync: &SyncGroup<'_>) -> Result<(), Refusal> {
        self.alive(now, sync.sender, sync.generation)?;
        let differs = |believed: Option<&str>, is: &str| believed.is_some_and(|believed| believed != is);
        if differs(sync.protocol_type, &self.protocol_type) || differs(sync.protocol, &self.protocol) {
            return Err(Refusal::InconsistentGroupProtocol);
        }
        match self.state {
            State::Completing { .. } | State::Stable => Ok(()),
            State::Preparing { .. } => Err(Refusal::RebalanceInProgress),
            State::Empty => Err(Refusal::UnknownMemberId),
        }
    }

    fn assign(&mut self, now: Instant, assignments: Vec<(String, Bytes)>, actions: &mut Actions) {
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.state = State::Stable;
        for member in self.members.values_mut() {
            member.seen(now);
            if let Some(ticket) = member.sync.take() {
                let synced = member.synced(&self.protocol_type, &self.protocol);
                actions.push(Action::AnswerSync(ticket, Ok(synced)));
            }
        }
    }
}

impl Member {
    fn synced(&self, protocol_type: &str, protocol: &str) -> Synced {
        Synced {
            protocol_type: protocol_type.to_owned(),
            protocol: protocol.to_owned(),
            assignment: self.assignment.clone(),
        }
    }
}
