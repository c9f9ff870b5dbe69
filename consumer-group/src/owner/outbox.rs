//! What waits for the application, and what it was told: one state, so that the two never disagree.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_kafka_core::{Error, TopicPartition};

use crate::{
    event::{Assigned, Event},
    offsets::{OffsetAndMetadata, Offsets},
    records::Records,
    revoke::{Revocation, RevokeGuard},
    status::{GroupState, GroupStatus},
};

/// How many record sets and positions wait for the application before fetching pauses.
const WAITING_MAX: usize = 8;

/// How many errors wait; those that follow say the same.
const ERRORS_MAX: usize = 16;

/// The events that wait, and the partitions of the member.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    events: VecDeque<Result<Event, Error>>,
    /// What every `recv` returns once the events are gone.
    end: Option<Error>,
    generation: Option<i32>,
    partitions: BTreeMap<TopicPartition, Held>,
    /// What the application wants paused, whether it is assigned or not.
    paused: BTreeSet<TopicPartition>,
    status: GroupStatus,
}

/// What is known of an assigned partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// The next offset that the application gets.
    pub(crate) position: Option<i64>,
    pub(crate) committed: Option<OffsetAndMetadata>,
    pub(crate) high_watermark: Option<i64>,
    /// Whether the application knows that the partition is its own: what it commits before, it read as another's.
    pub(crate) announced: bool,
}

impl Outbox {
    /// The next event, if there is one.
    pub(crate) fn pop(&mut self) -> Option<Result<Event, Error>> {
        let next = self.events.iter().position(|event| !self.is_held_back(event));
        let Some(event) = next.and_then(|at| self.events.remove(at)) else {
            return self.end.clone().map(Err);
        };
        match &event {
            Ok(Event::Records(records)) => {
                self.moved(records.topic_partition(), records.next_offset(), Some(records.high_watermark()));
            }
            Ok(Event::Position { topic_partition, offset }) => self.moved(topic_partition, *offset, None),
            Ok(Event::Assigned(assigned)) => assigned.iter().for_each(|a| self.announce(a)),
            Ok(Event::Revoking(_) | Event::Lost(_)) | Err(_) => {}
        }
        Some(event)
    }

    fn is_held_back(&self, event: &Result<Event, Error>) -> bool {
        about(event).is_some_and(|tp| self.paused.contains(tp))
    }

    fn moved(&mut self, tp: &TopicPartition, position: i64, high_watermark: Option<i64>) {
        if let Some(held) = self.partitions.get_mut(tp) {
            held.position = Some(position);
            held.high_watermark = high_watermark.or(held.high_watermark);
        }
    }

    fn announce(&mut self, assigned: &Assigned) {
        if let Some(held) = self.partitions.get_mut(&assigned.topic_partition) {
            held.announced = true;
        }
    }

    /// Whether fetching must pause until the application has taken something.
    pub(crate) fn is_full(&self) -> bool {
        let waiting = self.events.iter().filter(|event| about(event).is_some() && !self.is_held_back(event));
        waiting.count() >= WAITING_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn push_records(&mut self, records: Records) {
        if self.partitions.contains_key(records.topic_partition()) {
            self.events.push_back(Ok(Event::Records(records)));
        }
    }

    /// Positions that follow each other become one.
    pub(crate) fn push_position(&mut self, topic_partition: TopicPartition, offset: i64) {
        if !self.partitions.contains_key(&topic_partition) {
            return;
        }
        if let Some(Ok(Event::Position { topic_partition: last, offset: at })) = self.events.back_mut()
            && *last == topic_partition
        {
            *at = offset;
            return;
        }
        self.events.push_back(Ok(Event::Position { topic_partition, offset }));
    }

    /// An error that the application must see; one that already waits is not repeated.
    pub(crate) fn push_error(&mut self, error: Error) {
        let mut waiting = self.events.iter().filter_map(|event| event.as_ref().err());
        if waiting.clone().count() < ERRORS_MAX && !waiting.any(|other| other.kind() == error.kind()) {
            self.events.push_back(Err(error));
        }
    }

    /// After what waits now, every `recv` returns `error`.
    pub(crate) fn finish(&mut self, error: Error) {
        self.end.get_or_insert(error);
    }

    /// These partitions belong to the member in this generation; the application hears of each once it is located.
    pub(crate) fn assign(&mut self, generation: i32, partitions: &[TopicPartition]) {
        self.generation = Some(generation);
        self.partitions = partitions.iter().map(|tp| (tp.clone(), Held::default())).collect();
        if partitions.is_empty() {
            self.events.push_back(Ok(Event::Assigned(Vec::new())));
        }
    }

    /// Where reading of these partitions starts.
    pub(crate) fn locate(&mut self, mut located: Vec<Assigned>) {
        located.retain(|assigned| self.partitions.contains_key(&assigned.topic_partition));
        for assigned in &located {
            if let Some(held) = self.partitions.get_mut(&assigned.topic_partition) {
                held.position = Some(assigned.position);
                held.committed.clone_from(&assigned.committed);
            }
        }
        if !located.is_empty() {
            self.events.push_back(Ok(Event::Assigned(located)));
        }
    }

    /// The application must give back what it was told of. Returns the owner's side of the guard, or `None` if there
    /// is nothing to give back.
    pub(crate) fn revoke(&mut self) -> Option<Revocation> {
        self.forget_events(|_| true);
        self.partitions.retain(|_, held| held.announced);
        if self.partitions.is_empty() {
            return None;
        }
        let (guard, revocation) = RevokeGuard::new(self.partitions.keys().cloned().collect());
        self.events.push_back(Ok(Event::Revoking(guard)));
        Some(revocation)
    }

    /// Every partition has been given back.
    pub(crate) fn release(&mut self) {
        self.forget_events(|_| true);
        self.partitions.clear();
        self.generation = None;
    }

    /// Every partition is lost.
    pub(crate) fn lose(&mut self) {
        self.forget_events(|_| true);
        self.events.retain(|event| !matches!(event, Ok(Event::Revoking(_))));
        let lost: Vec<TopicPartition> = std::mem::take(&mut self.partitions)
            .into_iter()
            .filter_map(|(tp, held)| held.announced.then_some(tp))
            .collect();
        if !lost.is_empty() {
            self.events.push_back(Ok(Event::Lost(lost)));
        }
        self.generation = None;
    }

    /// What the application knows of the partition is void: it will be assigned anew, at another position.
    pub(crate) fn reset(&mut self, tp: &TopicPartition) {
        self.forget_events(|other| other == tp);
        if let Some(held) = self.partitions.get_mut(tp)
            && std::mem::take(held).announced
        {
            self.events.push_back(Ok(Event::Lost(vec![tp.clone()])));
        }
    }

    /// The partition goes on at `offset`; false if it is not assigned.
    pub(crate) fn seek(&mut self, tp: &TopicPartition, offset: i64) -> bool {
        let Some(held) = self.partitions.get_mut(tp) else { return false };
        held.position = Some(offset);
        self.events.retain(|event| about(event) != Some(tp));
        true
    }

    /// Drops what waits for these partitions: records, positions, and that they were assigned.
    fn forget_events(&mut self, concerned: impl Fn(&TopicPartition) -> bool) {
        for event in &mut self.events {
            if let Ok(Event::Assigned(assigned)) = event {
                assigned.retain(|a| !concerned(&a.topic_partition));
            }
        }
        self.events.retain(|event| match event {
            Ok(Event::Assigned(assigned)) => !assigned.is_empty(),
            event => !about(event).is_some_and(&concerned),
        });
    }

    pub(crate) fn pause(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.paused.extend(partitions);
    }

    pub(crate) fn resume(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        for tp in partitions {
            self.paused.remove(&tp);
        }
    }

    pub(crate) fn is_paused(&self, tp: &TopicPartition) -> bool {
        self.paused.contains(tp)
    }

    pub(crate) fn commit(&mut self, committed: Offsets) {
        for (tp, offset) in committed {
            if let Some(held) = self.partitions.get_mut(&tp) {
                held.committed = Some(offset);
            }
        }
    }

    pub(crate) fn set_status(&mut self, state: GroupState, last_error: Option<&Error>) {
        self.status = GroupStatus { state, last_error: last_error.cloned() };
    }

    pub(crate) fn status(&self) -> &GroupStatus {
        &self.status
    }

    pub(crate) fn generation(&self) -> Option<i32> {
        self.generation
    }

    pub(crate) fn partitions(&self) -> &BTreeMap<TopicPartition, Held> {
        &self.partitions
    }
}

/// The partition that an event tells a position of.
fn about(event: &Result<Event, Error>) -> Option<&TopicPartition> {
    match event {
        Ok(Event::Records(records)) => Some(records.topic_partition()),
        Ok(Event::Position { topic_partition, .. }) => Some(topic_partition),
        Ok(Event::Assigned(_) | Event::Revoking(_) | Event::Lost(_)) | Err(_) => None,
    }
}
