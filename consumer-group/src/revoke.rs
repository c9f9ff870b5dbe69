//! Giving partitions back.

use ottla_kafka_core::TopicPartition;
use tokio::sync::oneshot;

/// Holds a rebalance up until the application has settled what it read from these partitions.
///
/// Dropping it releases it.
#[derive(Debug)]
#[must_use = "dropping it lets the rebalance go on"]
pub struct RevokeGuard {
    partitions: Vec<TopicPartition>,
    /// Its end is the signal.
    _held: oneshot::Sender<()>,
}

/// The owner's side of a [`RevokeGuard`].
#[derive(Debug)]
pub(crate) struct Revocation(oneshot::Receiver<()>);

impl RevokeGuard {
    pub(crate) fn new(partitions: Vec<TopicPartition>) -> (Self, Revocation) {
        let (held, released) = oneshot::channel();
        (Self { partitions, _held: held }, Revocation(released))
    }

    /// The partitions to give back.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// Gives the partitions back; the same as dropping the guard.
    pub fn release(self) {}
}

impl Revocation {
    /// Waits until the guard is gone; forever if there is none.
    pub(crate) async fn released(revocation: &mut Option<Self>) {
        match revocation {
            Some(Self(released)) => {
                let _ = released.await;
            }
            None => std::future::pending().await,
        }
    }
}
