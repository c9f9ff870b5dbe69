//! Partitions come, are read and committed, and go.

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::{Error, ErrorCode, ErrorKind, Fetched, OffsetReset, TopicPartition};

use super::{
    Owner,
    answers::{Done, To},
    command::Commit,
    commits::{Outcomes, stale},
    flights::Flight,
    lookups::{Located, Start, locate},
};
use crate::{
    coordinator::Requests, event::Assigned, fetching::Fetching, membership::Loss, offsets::Offsets, records::Records,
    start::LogPlace,
};

impl<R: Requests, F: Fetching> Owner<R, F> {
    pub(super) fn assigned(&mut self, generation: i32, partitions: Vec<TopicPartition>) {
        tracing::info!(group = self.config.group_id, generation, count = partitions.len(), "partitions assigned");
        self.stop_reading();
        self.reading.keep_topics(&partitions);
        self.shared.tell(|outbox| outbox.assign(generation, &partitions));
        let now = self.now();
        for tp in partitions {
            let told = self.config.assigned.as_ref().and_then(|assigned| assigned.get(&tp));
            let start = told.map_or(Start::Committed, |start| Start::from(*start));
            self.lookups.add(tp, start, now);
        }
    }

    pub(super) fn revoke(&mut self) {
        tracing::info!(group = self.config.group_id, "the group rebalances: giving partitions back");
        self.stop_reading();
        self.revocation = self.shared.tell(|outbox| outbox.revoke());
        self.is_released = self.revocation.is_none();
    }

    pub(super) fn lost(&mut self, loss: Loss) {
        tracing::warn!(group = self.config.group_id, ?loss, "partitions lost");
        self.stop_reading();
        self.reading.keep_topics(&[]);
        self.revocation = None;
        self.is_released = false;
        self.shared.tell(|outbox| outbox.lose());
    }

    fn stop_reading(&mut self) {
        self.reading.stop_all();
        self.lookups.clear();
        self.flights.cancel(Flight::Lookup);
    }

    pub(super) fn seek(&mut self, tp: &TopicPartition, offset: i64) -> bool {
        let is_assigned = self.shared.tell(|outbox| outbox.seek(tp, offset));
        if is_assigned {
            self.lookups.remove(tp);
            self.reading.start(tp, offset);
        }
        is_assigned
    }

    /// Looks up the positions that are due.
    pub(super) fn look_up(&mut self, now: Duration) {
        let Some(generation) = self.generation().filter(|_| self.can_look_up()) else { return };
        for (tp, offset) in self.lookups.take_again(now) {
            self.reading.start(&tp, offset);
        }
        let wanted = self.lookups.take(now);
        if wanted.is_empty() {
            return;
        }
        let coordinator = self.membership.coordinator().cloned();
        let asked = To { coordinator: coordinator.clone(), generation };
        let located = locate(Arc::clone(&self.requests), coordinator, wanted);
        self.flights.start(Flight::Lookup, async move { Done::Located(asked, located.await) });
    }

    pub(super) fn located(&mut self, asked: To, mut located: Located) {
        let reports = self.lookups.answered(self.now(), &mut located);
        for found in &located.found {
            let Assigned { topic_partition, position, committed } = found;
            match committed {
                // It was committed in the topic that this member read before the rebalance, if it is not a later one's.
                Some(_) => self.reading.start(topic_partition, *position),
                None => self.reading.start_anew(topic_partition, *position),
            }
        }
        self.shared.tell(|outbox| {
            outbox.locate(located.found);
            reports.into_iter().for_each(|error| outbox.push_error(error));
        });
        self.learn(asked, located.trouble);
    }

    pub(super) fn fetched(&mut self, fetched: Fetched) {
        match fetched {
            Fetched::Records(fetched) => {
                let generation = self.membership.member().generation;
                let records = Records::new(fetched, generation);
                if self.reading.reached(records.topic_partition(), records.next_offset()) {
                    self.shared.tell(|outbox| outbox.push_records(records));
                }
            }
            Fetched::Progress { topic_partition, offset } | Fetched::Reset { topic_partition, to: offset, .. } => {
                if self.reading.reached(&topic_partition, offset) {
                    self.shared.tell(|outbox| outbox.push_position(topic_partition, offset));
                }
            }
            Fetched::Failed { topic_partition, error } => self.fetch_failed(topic_partition, error),
        }
    }

    /// What the fetcher cannot heal: the policy that the application named, or the application itself.
    fn fetch_failed(&mut self, tp: TopicPartition, error: Error) {
        let Some(offset) = self.reading.stop(&tp) else { return };
        let is_out_of_range = matches!(error.kind(), ErrorKind::OffsetOutOfRange { .. });
        let is_recreated = matches!(error.kind(), ErrorKind::TopicRecreated { .. });
        let place = match self.config.offset_reset {
            OffsetReset::Earliest if is_out_of_range || is_recreated => LogPlace::Start,
            OffsetReset::Latest if is_out_of_range || is_recreated => LogPlace::End,
            OffsetReset::ByDuration(age) if is_out_of_range || is_recreated => LogPlace::Since(age),
            // The group has committed nothing in this topic: it begins as in any other, and skips nothing.
            OffsetReset::Error if is_recreated => {
                self.shared.tell(|outbox| outbox.push_error(error.clone()));
                LogPlace::Start
            }
            _ => {
                if error.code().is_some_and(ErrorCode::is_about_a_missing_topic) {
                    self.reading.doubt(&tp);
                }
                self.lookups.add_again(tp, offset, self.now());
                return self.shared.tell(|outbox| outbox.push_error(error));
            }
        };
        tracing::warn!(topic_partition = %tp, %error, ?place, "the position is reset");
        if is_recreated {
            self.reading.forget_topic(&tp);
            self.commits.refuse(&[tp.clone()].into());
        }
        self.shared.tell(|outbox| outbox.reset(&tp));
        self.lookups.add(tp, Start::At(place), self.now());
    }

    /// Takes a commit; what is not this member's is refused without being sent.
    pub(super) fn commit(&mut self, commit: Commit) {
        let Commit { generation, offsets, reply } = commit;
        if self.config.group_id.is_empty() {
            let refused = Error::invalid("this consumer has no group to commit for");
            let outcomes = offsets.into_keys().map(|tp| (tp, Err(refused.clone()))).collect();
            // Who asked may have stopped waiting.
            let _ = reply.send(outcomes);
            return;
        }
        let current = self.generation().filter(|current| generation == Some(*current));
        let mut refused = Outcomes::new();
        let owned: Offsets = {
            let outbox = self.shared.outbox();
            let is_announced = |tp: &TopicPartition| outbox.partitions().get(tp).is_some_and(|held| held.announced);
            let is_owned = |tp: &TopicPartition| current.is_some() && is_announced(tp);
            let (owned, other): (Offsets, Offsets) = offsets.into_iter().partition(|(tp, _)| is_owned(tp));
            refused.extend(
                other.into_keys().map(|tp| (tp, Err(stale("not sent: this member does not own the partition")))),
            );
            owned
        };
        self.commits.push(self.now(), self.config.commit_timeout, current.unwrap_or(-1), owned, refused, reply);
    }

    /// What was asked for before a close is sent before it; what comes after finds it closed.
    pub(super) fn take_last_commits(&mut self) {
        self.asked.commits.close();
        while let Ok(commit) = self.asked.commits.try_recv() {
            self.commit(commit);
        }
    }

    pub(super) fn send_commit(&mut self, now: Duration) {
        let Some(coordinator) = self.membership.coordinator().filter(|_| self.can_send()).cloned() else { return };
        if !self.commits.is_empty() {
            self.commits.refuse(&self.reading.in_doubt());
        }
        let Some((offsets, limit)) = self.commits.take(now) else { return };
        let member = self.membership.member().clone();
        let asked = To { coordinator: Some(coordinator.clone()), generation: member.generation };
        let requests = Arc::clone(&self.requests);
        self.flights.start(Flight::Commit, async move {
            Done::Committed(asked, requests.commit(coordinator, member, offsets, limit).await)
        });
    }

    /// The leader compares the partition counts with those it assigned; who has a pattern, the topics that match.
    pub(super) fn look_around(&mut self, now: Duration) {
        if !self.watches() || self.watch.due() > now {
            return;
        }
        let (requests, topics) = (Arc::clone(&self.requests), self.watch.topics());
        self.flights.start(Flight::Metadata, async move { Done::LookedAround(requests.look_around(topics).await) });
    }
}
