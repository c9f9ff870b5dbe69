//! A commit that nobody has to wait for.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use ottla_kafka_core::{Error, TopicPartition};
use tokio::sync::oneshot;

use crate::owner::Outcomes;

/// The outcome of a [`commit_async`](crate::ConsumerHandle::commit_async): what became of each partition's offset.
///
/// It always resolves: when the coordinator has answered, when the commit's time is up, when the partitions are lost,
/// when the consumer is closed or dropped. Dropping it cancels nothing.
#[derive(Debug)]
pub struct CommitAck(State);

#[derive(Debug)]
enum State {
    /// Decided when it was asked for; `None` once that was told.
    Decided(Option<Result<Outcomes, Error>>),
    Waiting(oneshot::Receiver<Outcomes>),
}

impl CommitAck {
    pub(crate) fn decided(outcome: Result<Outcomes, Error>) -> Self {
        Self(State::Decided(Some(outcome)))
    }

    pub(crate) fn waiting(outcomes: oneshot::Receiver<Outcomes>) -> Self {
        Self(State::Waiting(outcomes))
    }
}

impl Future for CommitAck {
    type Output = Result<BTreeMap<TopicPartition, Result<(), Error>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Decided(outcome) => Poll::Ready(outcome.take().unwrap_or_else(|| Err(Error::closed()))),
            // The owner answers whatever it has taken; if it is gone, so is the consumer.
            State::Waiting(outcomes) => {
                Pin::new(outcomes).poll(cx).map_err(|_| Error::closed().with_maybe_applied(true))
            }
        }
    }
}
