//! How the fate of a batch reaches those who wait for its records.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
};

use super::record::RecordMetadata;
use crate::{error::Error, topic_partition::TopicPartition};

/// The fate of one batch, shared by all its records.
#[derive(Debug)]
pub(super) struct Completion {
    topic_partition: TopicPartition,
    fate: OnceLock<Result<Written, Error>>,
    /// Each waiter has a place of its own: however many there are, and however often they look, it is one waker each.
    waiting: Mutex<Vec<Waker>>,
}

/// Where a batch was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) base_offset: Option<i64>,
    pub(super) log_append_time: Option<i64>,
}

impl Completion {
    fn new(topic_partition: TopicPartition) -> Self {
        Self { topic_partition, fate: OnceLock::new(), waiting: Mutex::default() }
    }

    /// Says what became of the batch. Only the first word counts: a batch that was given up stays so.
    fn complete(&self, result: Result<Written, Error>) {
        if self.fate.set(result).is_ok() {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// The fate, or a promise to wake; `place` is where this waiter left its waker before.
    fn poll(&self, place: &mut Option<usize>, cx: &mut Context<'_>) -> Poll<&Result<Written, Error>> {
        if let Some(fate) = self.fate.get() {
            return Poll::Ready(fate);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have come between the look and the lock; from here on it finds our waker.
        if let Some(fate) = self.fate.get() {
            return Poll::Ready(fate);
        }
        match place.and_then(|place| waiting.get_mut(place)) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => {
                *place = Some(waiting.len());
                waiting.push(cx.waker().clone());
            }
        }
        Poll::Pending
    }

    /// Waits until the batch's fate is known.
    pub(super) async fn wait(&self) {
        let mut place = None;
        poll_fn(|cx| self.poll(&mut place, cx).map(drop)).await;
    }
}

/// A batch's side of its completion: a batch that is dropped, with its producer, leaves nobody waiting.
#[derive(Debug)]
pub(super) struct Promise {
    completion: Arc<Completion>,
    /// Whether any of it may have reached a broker.
    pub(super) maybe_written: bool,
}

impl Promise {
    pub(super) fn new(topic_partition: TopicPartition) -> Self {
        Self { completion: Arc::new(Completion::new(topic_partition)), maybe_written: false }
    }

    pub(super) fn completion(&self) -> &Arc<Completion> {
        &self.completion
    }

    pub(super) fn topic_partition(&self) -> &TopicPartition {
        &self.completion.topic_partition
    }

    pub(super) fn complete(&self, result: Result<Written, Error>) {
        self.completion.complete(result);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if self.completion.fate.get().is_none() {
            self.completion.complete(Err(Error::closed().with_maybe_applied(self.maybe_written)));
        }
    }
}

/// The acknowledgement of one enqueued record, to be awaited. Dropping it cancels nothing: the record is sent.
#[derive(Debug)]
#[must_use = "whether the record was written is only known once this is awaited"]
pub struct Ack {
    completion: Arc<Completion>,
    /// The record's place in its batch.
    index: i32,
    timestamp: i64,
    place: Option<usize>,
}

impl Ack {
    pub(super) fn new(promise: &Promise, index: i32, timestamp: i64) -> Self {
        Self { completion: Arc::clone(promise.completion()), index, timestamp, place: None }
    }

    /// The partition that the record goes to.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.completion.topic_partition
    }
}

impl Future for Ack {
    type Output = Result<RecordMetadata, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { completion, index, timestamp, place } = &mut *self;
        completion.poll(place, cx).map(|fate| match fate {
            Ok(written) => Ok(RecordMetadata {
                topic_partition: completion.topic_partition.clone(),
                offset: written.base_offset.map(|base| base.saturating_add(i64::from(*index))),
                timestamp: written.log_append_time.unwrap_or(*timestamp),
            }),
            Err(error) => Err(error.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    fn promise() -> Promise {
        Promise::new(TopicPartition::new("orders", 3))
    }

    #[tokio::test]
    async fn every_record_of_a_batch_learns_its_offset() {
        let promise = promise();
        let mut acks: Vec<Ack> = (0..3).map(|index| Ack::new(&promise, index, 7)).collect();
        for ack in &mut acks {
            assert!(poll!(ack).is_pending());
        }
        promise.complete(Ok(Written { base_offset: Some(40), log_append_time: None }));
        for (ack, offset) in acks.into_iter().zip(40..) {
            let written = ack.await.expect("written");
            assert_eq!((written.offset(), written.timestamp()), (Some(offset), 7));
        }
    }

    #[tokio::test]
    async fn looking_often_leaves_one_waker() {
        let promise = promise();
        let mut acks = [Ack::new(&promise, 0, 7), Ack::new(&promise, 1, 7)];
        for _ in 0..100 {
            for ack in &mut acks {
                assert!(poll!(ack).is_pending());
            }
        }
        assert_eq!(promise.completion.waiting.lock().expect("no panic").len(), 2);
    }

    #[tokio::test]
    async fn a_batch_that_is_dropped_leaves_nobody_waiting_and_tells_the_truth() {
        for maybe_written in [false, true] {
            let mut promise = promise();
            promise.maybe_written = maybe_written;
            let ack = Ack::new(&promise, 0, 7);
            drop(promise);
            let error = ack.await.expect_err("nothing was written");
            assert_eq!(error.maybe_applied(), maybe_written);
        }
    }

    #[tokio::test]
    async fn the_first_word_counts() {
        let promise = promise();
        promise.complete(Err(Error::closed().with_maybe_applied(true)));
        promise.complete(Ok(Written::default()));
        assert!(Ack::new(&promise, 0, 7).await.is_err());
    }
}
