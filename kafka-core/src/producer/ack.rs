//! How the fate of a batch reaches those who wait for its records.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use super::record::RecordMetadata;
use crate::{error::Error, topic_partition::TopicPartition};

/// The fate of one batch, shared by all its records.
#[derive(Debug, Default)]
pub(super) struct Completion(Mutex<State>);

#[derive(Debug)]
enum State {
    Waiting(Vec<Waker>),
    Done(Result<Written, Error>),
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

/// Where a batch was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) base_offset: Option<i64>,
    pub(super) log_append_time: Option<i64>,
}

impl Completion {
    /// Says what became of the batch. Only the first word counts: a batch that was given up stays so.
    pub(super) fn complete(&self, result: Result<Written, Error>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Waiting(wakers) = &mut *state {
            let wakers = std::mem::take(wakers);
            *state = State::Done(result);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Written, Error>> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Done(result) => Poll::Ready(result.clone()),
            State::Waiting(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Waits until the batch's fate is known.
    pub(super) async fn wait(&self) {
        let _ = std::future::poll_fn(|cx| self.poll(cx)).await;
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
    pub(super) fn new() -> Self {
        Self { completion: Arc::default(), maybe_written: false }
    }

    pub(super) fn completion(&self) -> &Arc<Completion> {
        &self.completion
    }

    pub(super) fn complete(&self, result: Result<Written, Error>) {
        self.completion.complete(result);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.completion.complete(Err(Error::closed().with_maybe_applied(self.maybe_written)));
    }
}

/// The acknowledgement of one enqueued record, to be awaited. Dropping it cancels nothing: the record is sent.
#[derive(Debug)]
#[must_use = "whether the record was written is only known once this is awaited"]
pub struct Ack {
    completion: Arc<Completion>,
    topic_partition: TopicPartition,
    /// The record's place in its batch.
    index: i64,
    timestamp: i64,
}

impl Ack {
    pub(super) fn new(promise: &Promise, topic_partition: TopicPartition, index: i64, timestamp: i64) -> Self {
        Self { completion: Arc::clone(promise.completion()), topic_partition, index, timestamp }
    }

    /// The partition that the record goes to.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }
}

impl Future for Ack {
    type Output = Result<RecordMetadata, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.completion.poll(cx).map_ok(|written| RecordMetadata {
            topic_partition: self.topic_partition.clone(),
            offset: written.base_offset.map(|base| base.saturating_add(self.index)),
            timestamp: written.log_append_time.unwrap_or(self.timestamp),
        })
    }
}
