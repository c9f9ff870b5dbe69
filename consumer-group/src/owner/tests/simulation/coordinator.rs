//! The coordinator, as Kafka's classic protocol has it, with answers and requests that get lost; and the judge.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use ottla_kafka_core::{BrokerAddr, Error, ErrorCode, ErrorKind, TopicPartition};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};

use super::{MAX_POLL_INTERVAL, SESSION_TIMEOUT, partitions};
use crate::{
    assignor::Assignor,
    membership::{JoinAnswer, JoinedMember, MemberId, Round},
};

#[derive(Debug)]
pub(super) struct Coordinator {
    state: Mutex<State>,
    pub(super) changed: Notify,
    began: Instant,
}

#[derive(Debug)]
pub(super) struct State {
    random: u64,
    storms: bool,
    /// Where it is now; another port after each move.
    pub(super) port: u16,
    silent_until: Instant,
    log_end: Option<i64>,
    pub(super) generation: i32,
    pub(super) phase: Phase,
    /// Ids that were given out, and those of them that are members.
    pub(super) ids: u32,
    pub(super) members: BTreeMap<String, Joined>,
    pub(super) assignments: BTreeMap<String, Vec<TopicPartition>>,
    /// With the generation of the commit.
    pub(super) committed: BTreeMap<TopicPartition, (i32, i64)>,
    /// Every offset before this was handled by somebody.
    handled: BTreeMap<TopicPartition, i64>,
    owners: BTreeMap<(i32, TopicPartition), u32>,
    violations: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Preparing { until: Instant },
    Completing,
    Stable,
}

#[derive(Debug)]
pub(super) struct Joined {
    /// Whether its JoinGroup waits for the barrier.
    pub(super) waits: bool,
    pub(super) expires: Instant,
}

impl Coordinator {
    pub(super) fn new(seed: u64) -> Self {
        let now = Instant::now();
        let state = State {
            random: seed,
            storms: true,
            port: 1,
            silent_until: now,
            log_end: None,
            generation: 0,
            phase: Phase::Stable,
            ids: 0,
            members: BTreeMap::new(),
            assignments: BTreeMap::new(),
            committed: BTreeMap::new(),
            handled: BTreeMap::new(),
            owners: BTreeMap::new(),
            violations: Vec::new(),
        };
        Self { state: Mutex::new(state), changed: Notify::new(), began: now }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number from `low` on, below `high`.
    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        let mut state = self.state();
        // SplitMix64.
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (mixed ^ (mixed >> 31)) % (high - low).max(1)
    }

    pub(super) fn storms(&self) -> bool {
        self.state().storms
    }

    /// The log grows while the storm lasts.
    pub(super) fn log_end(&self) -> i64 {
        let grown = i64::try_from(self.began.elapsed().as_millis() / 50).unwrap_or(i64::MAX);
        self.state().log_end.unwrap_or(grown)
    }

    /// It moves, falls silent for a while, or both.
    pub(super) fn trouble(&self) {
        let (moves, silent) = (self.between(0, 2) == 0, Duration::from_millis(self.between(0, 14_000)));
        let mut state = self.state();
        state.port += u16::from(moves);
        state.silent_until = Instant::now() + silent;
    }

    /// A member is thrown out, as by a coordinator that missed its heartbeats.
    pub(super) fn expel(&self) {
        let chosen = self.between(0, 4);
        let mut state = self.state();
        let ids: Vec<String> = state.members.keys().cloned().collect();
        if let Some(id) = usize::try_from(chosen).ok().and_then(|chosen| ids.get(chosen)) {
            state.remove(id);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    pub(super) fn calm_down(&self) {
        let end = self.log_end();
        let mut state = self.state();
        state.storms = false;
        state.silent_until = Instant::now();
        state.log_end = Some(end);
    }

    pub(super) fn violated(&self, what: String) {
        self.state().violations.push(what);
    }

    /// A process handled what lies between two offsets.
    pub(super) fn handled(&self, process: u32, generation: Option<i32>, tp: &TopicPartition, from: i64, to: i64) {
        let mut state = self.state();
        let before = state.handled.get(tp).copied().unwrap_or_default();
        if from > before {
            state.violations.push(format!("{tp}: {before} to {from} were skipped"));
        }
        state.handled.insert(tp.clone(), before.max(to));
        if let Some(generation) = generation {
            let owner = *state.owners.entry((generation, tp.clone())).or_insert(process);
            if owner != process {
                state.violations.push(format!("{tp} is both {owner}'s and {process}'s in generation {generation}"));
            }
        }
    }

    /// Whether all is handled.
    pub(super) fn is_done(&self) -> bool {
        let end = self.log_end();
        let state = self.state();
        partitions().all(|tp| state.handled.get(&tp) == Some(&end))
    }

    pub(super) fn verdict(&self) -> Vec<String> {
        let end = self.log_end();
        let mut state = self.state();
        for tp in partitions() {
            let handled = state.handled.get(&tp).copied().unwrap_or_default();
            if handled != end {
                state.violations.push(format!("{tp} did not resume: {handled} of {end} are handled"));
            }
        }
        if state.generation < 5 {
            let generation = state.generation;
            state.violations.push(format!("only {generation} generations: nothing was shown"));
        }
        state.violations.clone()
    }

    /// A request arrives, or does not.
    pub(super) async fn arrives(&self, to: &BrokerAddr, limit: Duration) -> Result<(), Error> {
        sleep(Duration::from_millis(self.between(1, 30))).await;
        if self.state().silent_until > Instant::now() {
            if self.between(0, 2) == 0 {
                return Err(disconnected());
            }
            sleep(limit).await;
            return Err(Error::new(ErrorKind::Timeout { what: "a test".to_owned(), after: limit }));
        }
        self.may_be_lost()?;
        match self.state().port == to.port() {
            true => Ok(()),
            false => Err(Error::broker(ErrorCode::NOT_COORDINATOR, "a test")),
        }
    }

    /// A connection breaks now and then, also behind a request that was applied.
    pub(super) fn may_be_lost(&self) -> Result<(), Error> {
        let is_lost = self.storms() && self.between(0, 25) == 0;
        if is_lost { Err(disconnected()) } else { Ok(()) }
    }

    /// Waits until `answer` has one.
    pub(super) async fn barrier<T>(
        &self,
        mut answer: impl FnMut(&mut State) -> Option<Result<T, Error>>,
    ) -> Result<T, Error> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let look_again = {
                let mut state = self.state();
                if state.go_on() {
                    self.changed.notify_waiters();
                }
                if let Some(answer) = answer(&mut state) {
                    return answer;
                }
                Instant::now() + Duration::from_millis(500)
            };
            // Whether something changed or time went by, it looks again.
            let _ = timeout_at(look_again, changed).await;
        }
    }
}

fn disconnected() -> Error {
    let broker = BrokerAddr::new("coordinator", 1);
    Error::new(ErrorKind::Disconnected { broker, reason: "a test".to_owned() }).with_maybe_applied(true)
}

impl State {
    pub(super) fn remove(&mut self, id: &str) {
        if self.members.remove(id).is_some() {
            self.prepare();
        }
    }

    pub(super) fn prepare(&mut self) {
        if !matches!(self.phase, Phase::Preparing { .. }) {
            self.phase = Phase::Preparing { until: Instant::now() + MAX_POLL_INTERVAL };
        }
    }

    /// Sessions end, and the barrier falls; true if it did.
    fn go_on(&mut self) -> bool {
        let now = Instant::now();
        let ended = |joined: &Joined| !joined.waits && joined.expires <= now;
        let expired: Vec<String> = self.members.iter().filter(|(_, j)| ended(j)).map(|(id, _)| id.clone()).collect();
        expired.iter().for_each(|id| self.remove(id));
        let Phase::Preparing { until } = self.phase else { return false };
        if until <= now {
            self.members.retain(|_, joined| joined.waits);
        }
        if self.members.is_empty() || self.members.values().any(|joined| !joined.waits) {
            return false;
        }
        self.generation += 1;
        self.phase = Phase::Completing;
        for joined in self.members.values_mut() {
            *joined = Joined { waits: false, expires: now + SESSION_TIMEOUT };
        }
        true
    }

    /// Whether this is a member of this generation; then its session begins anew.
    pub(super) fn check(&mut self, member: &MemberId) -> Result<(), Error> {
        self.go_on();
        let generation = self.generation;
        let Some(joined) = self.members.get_mut(&member.id) else {
            return Err(Error::broker(ErrorCode::UNKNOWN_MEMBER_ID, "a test"));
        };
        if member.generation != generation {
            return Err(Error::broker(ErrorCode::ILLEGAL_GENERATION, "a test"));
        }
        joined.expires = Instant::now() + SESSION_TIMEOUT;
        Ok(())
    }

    pub(super) fn commit(&mut self, member: &MemberId, tp: &TopicPartition, offset: i64) {
        let owns = self.assignments.get(&member.id).is_some_and(|share| share.contains(tp));
        if !owns {
            self.violations.push(format!("{} committed {tp}, which is not its own", member.id));
        }
        let handled = self.handled.get(tp).copied().unwrap_or_default();
        if offset > handled {
            self.violations.push(format!("{tp}: {offset} is committed, {handled} is handled"));
        }
        if let Some((generation, before)) = self.committed.insert(tp.clone(), (member.generation, offset))
            && generation == member.generation
            && before > offset
        {
            self.violations.push(format!("{tp}: the commit went back from {before} to {offset}"));
        }
    }
}

impl State {
    /// What a member is told once the barrier has fallen: the first leads.
    pub(super) fn round(&self, member_id: &str) -> JoinAnswer {
        let leads = self.members.keys().next().is_some_and(|first| first == member_id);
        let member = |id: &String| JoinedMember { member_id: id.clone(), instance_id: None, metadata: Bytes::new() };
        let members = self.members.keys().filter(|_| leads).map(member).collect();
        let round = Round { assignor: Assignor::RoundRobin, members, keeps_assignment: false };
        JoinAnswer::Joined { generation: self.generation, member_id: member_id.to_owned(), leads, round }
    }
}
