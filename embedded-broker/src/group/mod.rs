//! A consumer group as its coordinator sees it: Kafka's classic protocol (KIP-62, KIP-345, KIP-394, KIP-814).
//!
//! Pure: every event comes with the time, every answer that may be late is an [`Action`] for a [`Ticket`], and
//! [`Group::next_deadline`] says when time itself is the next event.

mod describe;
mod join;
mod member;
mod offsets;
mod rebalance;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

pub(crate) use describe::{Described, DescribedMember};
pub(crate) use join::JoinGroup;
use member::Member;
pub(crate) use offsets::{Committed, Offsets};
pub(crate) use sync::SyncGroup;

use crate::log::Refusal;

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// What the coordinator has to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    AnswerJoin(Ticket, Result<Joined, JoinRefused>),
    AnswerSync(Ticket, Result<Synced, Refusal>),
}

pub(crate) type Actions = Vec<Action>;

/// A member of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member_id: String,
    /// All members, for the leader, which assigns their partitions.
    pub(crate) members: Vec<JoinedMember>,
    /// The leader is back with the same subscription: its last assignment stands (KIP-814).
    pub(crate) skip_assignment: bool,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) metadata: Bytes,
}

/// Why a member may not join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRefused {
    pub(crate) refusal: Refusal,
    /// The id it asked with, or shall ask with (KIP-394).
    pub(crate) member_id: String,
}

/// A member's partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

/// Who a request says it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
}

/// Where the group is. Kafka: `PreparingRebalance`, `CompletingRebalance`…
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    /// Members join, until all have or the time is over.
    Preparing {
        deadline: Instant,
        /// A group that had no members waits for them (`group.initial.rebalance.delay.ms`).
        initial: Option<InitialDelay>,
    },
    /// The leader assigns; who has not synced at the deadline is removed.
    Completing {
        deadline: Instant,
    },
    Stable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InitialDelay {
    /// What the delay may still be extended by.
    remaining: Duration,
    /// Whether a member came since it was last extended.
    member_added: bool,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    initial_delay: Duration,
    state: State,
    generation: i32,
    protocol_type: String,
    protocol: String,
    leader: String,
    members: BTreeMap<String, Member>,
    /// Member ids handed out (KIP-394), until when they are waited for.
    pending: BTreeMap<String, Instant>,
    offsets: Offsets,
}

impl Group {
    pub(crate) fn new(initial_delay: Duration) -> Self {
        Self {
            initial_delay,
            state: State::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            leader: String::new(),
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            offsets: Offsets::default(),
        }
    }

    /// A member says that it is alive.
    pub(crate) fn heartbeat(&mut self, now: Instant, sender: Sender<'_>, generation: i32) -> Result<(), Refusal> {
        self.alive(now, sender, generation)?;
        match self.state {
            State::Preparing { .. } => Err(Refusal::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// A member leaves; a static one may be named by its instance alone.
    pub(crate) fn leave(&mut self, now: Instant, sender: Sender<'_>, actions: &mut Actions) -> Result<(), Refusal> {
        let id = match sender.instance_id {
            None => sender.member_id.to_owned(),
            Some(instance) => match self.static_member(instance) {
                None => return Err(Refusal::UnknownMemberId),
                Some(id) if sender.member_id.is_empty() || sender.member_id == id => id.to_owned(),
                Some(_) => return Err(Refusal::FencedInstanceId),
            },
        };
        if self.pending.remove(&id).is_some() {
            self.complete_if_ready(now, actions);
            return Ok(());
        }
        if !self.members.contains_key(&id) {
            return Err(Refusal::UnknownMemberId);
        }
        self.remove(now, &id, actions);
        Ok(())
    }

    /// Whether an offset may be committed.
    pub(crate) fn may_commit(&mut self, now: Instant, sender: Sender<'_>, generation: i32) -> Result<(), Refusal> {
        // A consumer that assigns its partitions itself, or a tool: only while there are no members.
        if generation < 0 && sender.member_id.is_empty() && self.state == State::Empty {
            return Ok(());
        }
        self.alive(now, sender, generation)?;
        match self.state {
            State::Completing { .. } => Err(Refusal::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    pub(crate) fn offsets_mut(&mut self) -> &mut Offsets {
        &mut self.offsets
    }

    /// Whether nothing would be lost by forgetting it.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty() && self.offsets.is_empty()
    }

    /// Whether it has no members and none is joining.
    pub(crate) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Checks the sender, and counts its request as a sign of life.
    fn alive(&mut self, now: Instant, sender: Sender<'_>, generation: i32) -> Result<(), Refusal> {
        self.check_instance(sender)?;
        let member = self.members.get_mut(sender.member_id).ok_or(Refusal::UnknownMemberId)?;
        if generation != self.generation {
            return Err(Refusal::IllegalGeneration);
        }
        member.seen(now);
        Ok(())
    }

    /// A static member's instance may be in use by another member by now (KIP-345).
    fn check_instance(&self, sender: Sender<'_>) -> Result<(), Refusal> {
        let Some(instance) = sender.instance_id else { return Ok(()) };
        match self.static_member(instance) {
            None => Err(Refusal::UnknownMemberId),
            Some(id) if id == sender.member_id => Ok(()),
            Some(_) => Err(Refusal::FencedInstanceId),
        }
    }

    /// The member id of a static member.
    fn static_member(&self, instance: &str) -> Option<&str> {
        let is = |member: &Member| member.instance_id.as_deref() == Some(instance);
        self.members.iter().find(|(_, member)| is(member)).map(|(id, _)| id.as_str())
    }
}
