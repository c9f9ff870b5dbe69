//! JoinGroup: who may join, and what happens to the group.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Action, Actions, Group, JoinRefused, Joined, Member, Sender, State, Ticket};
use crate::log::Refusal;

/// Members of a group, and ids handed out that have not joined yet. Kafka: `group.max.size`, unlimited by default.
const MAX_MEMBERS: usize = 1000;

/// The shortest rebalance timeout that is kept: zero would have the group decide again at once, for ever.
const MIN_REBALANCE_TIMEOUT: Duration = Duration::from_millis(1);

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub(crate) struct JoinGroup {
    /// Empty for a new member.
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    /// The id a new member gets.
    pub(crate) fresh_id: String,
    /// Whether a new member must come again with its id (KIP-394, since version 4).
    pub(crate) id_required: bool,
    /// Whether a leader understands that it need not assign (KIP-814, since version 9).
    pub(crate) can_skip_assignment: bool,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<(String, Bytes)>,
}

/// Who joins.
enum Who {
    New(String),
    Known(String),
    /// A static member that was restarted: it knows its instance, but not the id of its former life.
    Returning {
        old_id: String,
        new_id: String,
    },
}

impl Group {
    /// A member joins. The answer may have to wait for the others.
    pub(crate) fn join(&mut self, now: Instant, join: JoinGroup, ticket: Ticket, actions: &mut Actions) {
        let who = match self.check_join(&join).and_then(|()| self.identify(now, &join)) {
            Ok(who) => who,
            Err(refused) => {
                actions.push(Action::AnswerJoin(ticket, Err(refused)));
                // An id that was waited for may have been the last.
                self.complete_if_ready(now, actions);
                return;
            }
        };
        match who {
            Who::New(id) => self.join_new(now, id, join, ticket, actions),
            Who::Known(id) => self.rejoin(now, id, join, ticket, actions),
            Who::Returning { old_id, new_id } => self.take_over(now, &old_id, new_id, join, ticket, actions),
        }
        self.complete_if_ready(now, actions);
    }

    fn check_join(&self, join: &JoinGroup) -> Result<(), JoinRefused> {
        let refuse = |refusal| Err(JoinRefused { refusal, member_id: join.member_id.clone() });
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return refuse(Refusal::InconsistentGroupProtocol);
        }
        if self.members.is_empty() {
            return Ok(());
        }
        let common = |(name, _): &(String, Bytes)| self.members.values().all(|member| member.supports(name));
        if self.protocol_type != join.protocol_type || !join.protocols.iter().any(common) {
            return refuse(Refusal::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn identify(&mut self, now: Instant, join: &JoinGroup) -> Result<Who, JoinRefused> {
        let refuse = |refusal, id: &str| Err(JoinRefused { refusal, member_id: id.to_owned() });
        let id = &join.member_id;
        if id.is_empty() {
            let returning = join.instance_id.as_deref().and_then(|instance| self.static_member(instance));
            if let Some(old_id) = returning {
                return Ok(Who::Returning { old_id: old_id.to_owned(), new_id: join.fresh_id.clone() });
            }
            if self.members.len() + self.pending.len() >= MAX_MEMBERS {
                return refuse(Refusal::GroupMaxSizeReached, id);
            }
            if join.instance_id.is_none() && join.id_required {
                self.pending.insert(join.fresh_id.clone(), now + join.session_timeout);
                return refuse(Refusal::MemberIdRequired, &join.fresh_id);
            }
            return Ok(Who::New(join.fresh_id.clone()));
        }
        if self.pending.remove(id).is_some() {
            return Ok(Who::New(id.clone()));
        }
        if let Err(refusal) = self.check_instance(Sender { member_id: id, instance_id: join.instance_id.as_deref() }) {
            return refuse(refusal, id);
        }
        if self.members.contains_key(id) { Ok(Who::Known(id.clone())) } else { refuse(Refusal::UnknownMemberId, id) }
    }

    fn join_new(&mut self, now: Instant, id: String, join: JoinGroup, ticket: Ticket, actions: &mut Actions) {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&join.protocol_type);
        }
        if let State::Preparing { initial: Some(initial), .. } = &mut self.state {
            initial.member_added = true;
        }
        self.members.insert(id, Member::joining(now, join, ticket));
        self.prepare(now, actions);
    }

    fn rejoin(&mut self, now: Instant, id: String, join: JoinGroup, ticket: Ticket, actions: &mut Actions) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let same = member.protocols == join.protocols;
        // A second request of the same member: the first was lost with its connection.
        member.dismiss(&id, Refusal::RebalanceInProgress, actions);
        let (instance_id, assignment) = (member.instance_id.take(), std::mem::take(&mut member.assignment));
        *member = Member { instance_id, assignment, ..Member::joining(now, join, ticket) };
        let current = match self.state {
            State::Completing { .. } => same,
            // Its leader joins again when it wants a rebalance.
            State::Stable => same && id != self.leader,
            State::Empty | State::Preparing { .. } => false,
        };
        if current {
            member.join = None;
            let joined = self.joined(&id);
            actions.push(Action::AnswerJoin(ticket, Ok(joined)));
        } else {
            self.prepare(now, actions);
        }
    }

    /// A static member takes over its own place from before its restart.
    fn take_over(
        &mut self,
        now: Instant,
        old_id: &str,
        new_id: String,
        join: JoinGroup,
        ticket: Ticket,
        actions: &mut Actions,
    ) {
        let Some(mut old) = self.members.remove(old_id) else { return };
        // Whoever still uses the old id learns that it was replaced.
        old.dismiss(old_id, Refusal::FencedInstanceId, actions);
        let led = self.leader == old_id;
        if led {
            self.leader.clone_from(&new_id);
        }
        let can_skip_assignment = join.can_skip_assignment;
        let member = Member { assignment: old.assignment, ..Member::joining(now, join, ticket) };
        self.members.insert(new_id.clone(), member);
        if self.state != State::Stable || self.vote() != self.protocol {
            return self.prepare(now, actions);
        }
        if let Some(member) = self.members.get_mut(&new_id) {
            member.join = None;
        }
        let mut joined = self.joined(&new_id);
        if led && can_skip_assignment {
            joined.skip_assignment = true;
        } else if led {
            // It must not assign anew, and does not if it takes another for the leader.
            old_id.clone_into(&mut joined.leader);
            joined.members.clear();
        }
        actions.push(Action::AnswerJoin(ticket, Ok(joined)));
    }

    /// What a member of the current generation is told.
    pub(super) fn joined(&self, id: &str) -> Joined {
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member_id: id.to_owned(),
            members: if id == self.leader { self.roster() } else { Vec::new() },
            skip_assignment: false,
        }
    }
}

impl Member {
    fn joining(now: Instant, join: JoinGroup, ticket: Ticket) -> Self {
        Self {
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout.max(MIN_REBALANCE_TIMEOUT),
            protocols: join.protocols,
            assignment: Bytes::new(),
            deadline: now + join.session_timeout,
            join: Some(ticket),
            sync: None,
        }
    }
}
