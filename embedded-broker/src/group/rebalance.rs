//! Rebalances, and what time does to a group.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{Action, Actions, Group, InitialDelay, JoinedMember, State};
use crate::log::Refusal;

impl Group {
    /// Asks everybody to join anew, unless that is going on.
    pub(super) fn prepare(&mut self, now: Instant, actions: &mut Actions) {
        let longest = self.rebalance_timeout();
        self.state = match self.state {
            State::Preparing { .. } => return,
            State::Empty => {
                let remaining = longest.saturating_sub(self.initial_delay);
                let initial = Some(InitialDelay { remaining, member_added: false });
                State::Preparing { deadline: now + self.initial_delay, initial }
            }
            State::Completing { .. } | State::Stable => {
                for member in self.members.values_mut() {
                    if let Some(ticket) = member.sync.take() {
                        actions.push(Action::AnswerSync(ticket, Err(Refusal::RebalanceInProgress)));
                    }
                }
                State::Preparing { deadline: now + longest, initial: None }
            }
        };
    }

    /// Begins the next generation if everybody has joined or the time is over.
    pub(super) fn complete_if_ready(&mut self, now: Instant, actions: &mut Actions) {
        let State::Preparing { deadline, initial } = self.state else { return };
        let all_joined = self.pending.is_empty() && self.members.values().all(|member| member.join.is_some());
        match initial {
            Some(_) if now < deadline => return,
            Some(initial) if initial.member_added && !initial.remaining.is_zero() => {
                let delay = self.initial_delay.min(initial.remaining);
                let remaining = initial.remaining.saturating_sub(delay);
                let initial = Some(InitialDelay { remaining, member_added: false });
                self.state = State::Preparing { deadline: now + delay, initial };
                return;
            }
            None if now < deadline && !all_joined => return,
            _ => {}
        }
        self.complete(now, actions);
    }

    fn complete(&mut self, now: Instant, actions: &mut Actions) {
        // Static members may be away for as long as their session.
        self.members.retain(|_, member| member.join.is_some() || member.instance_id.is_some());
        let longest = self.rebalance_timeout();
        let Some(joined) = self.members.iter().find(|(_, member)| member.join.is_some()).map(|(id, _)| id.clone())
        else {
            if self.members.is_empty() {
                self.become_empty();
            } else {
                self.state = State::Preparing { deadline: now + longest, initial: None };
            }
            return;
        };
        if self.members.get(&self.leader).is_none_or(|leader| leader.join.is_none()) {
            self.leader = joined;
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.protocol = self.vote();
        self.state = State::Completing { deadline: now + longest };
        let mut waiting = Vec::new();
        for (id, member) in &mut self.members {
            member.seen(now);
            member.assignment.clear();
            waiting.extend(member.join.take().map(|ticket| (id.clone(), ticket)));
        }
        for (id, ticket) in waiting {
            actions.push(Action::AnswerJoin(ticket, Ok(self.joined(&id))));
        }
    }

    fn become_empty(&mut self) {
        self.state = State::Empty;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.leader.clear();
        self.protocol.clear();
    }

    /// Removes a member, which the others learn by a rebalance.
    pub(super) fn remove(&mut self, now: Instant, id: &str, actions: &mut Actions) {
        if let Some(mut member) = self.members.remove(id) {
            member.dismiss(id, Refusal::UnknownMemberId, actions);
        }
        if self.state != State::Empty {
            self.prepare(now, actions);
        }
        self.complete_if_ready(now, actions);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant, actions: &mut Actions) {
        self.pending.retain(|_, deadline| *deadline > now);
        let mut gone: Vec<String> = self.members_where(|member| member.session_end().is_some_and(|end| end <= now));
        if let State::Completing { deadline } = self.state
            && deadline <= now
        {
            gone.extend(self.members_where(|member| member.sync.is_none()));
        }
        for id in gone {
            if self.members.contains_key(&id) {
                self.remove(now, &id, actions);
            }
        }
        self.complete_if_ready(now, actions);
    }

    /// When [`tick`](Self::tick) is due next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let state = match self.state {
            State::Preparing { deadline, .. } | State::Completing { deadline } => Some(deadline),
            State::Empty | State::Stable => None,
        };
        let sessions = self.members.values().filter_map(super::Member::session_end);
        self.pending.values().copied().chain(sessions).chain(state).min()
    }

    /// Another node coordinates: who waits must ask it, and every session and wait begins anew, as when Kafka loads a
    /// group.
    pub(crate) fn relocate(&mut self, now: Instant, actions: &mut Actions) {
        self.pending.clear();
        for (id, member) in &mut self.members {
            member.dismiss(id, Refusal::NotCoordinator, actions);
            member.seen(now);
        }
        let again = now + self.rebalance_timeout();
        match &mut self.state {
            State::Preparing { deadline, .. } | State::Completing { deadline } => *deadline = again,
            State::Empty | State::Stable => {}
        }
    }

    /// The protocol most members like best, of those that all support; the first by name of several.
    pub(super) fn vote(&self) -> String {
        let common = |protocol: &str| self.members.values().all(|member| member.supports(protocol));
        let mut votes = BTreeMap::<&str, usize>::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().map(|(name, _)| name.as_str()).find(|name| common(name));
            *votes.entry(choice.unwrap_or_default()).or_default() += 1;
        }
        let winner = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        winner.map(|(name, _)| name.to_owned()).unwrap_or_default()
    }

    /// All members, for the leader.
    pub(super) fn roster(&self) -> Vec<JoinedMember> {
        let members = self.members.iter().map(|(id, member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(&self.protocol),
        });
        members.collect()
    }

    fn members_where(&self, is: impl Fn(&super::Member) -> bool) -> Vec<String> {
        self.members.iter().filter(|(_, member)| is(member)).map(|(id, _)| id.clone()).collect()
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }
}
