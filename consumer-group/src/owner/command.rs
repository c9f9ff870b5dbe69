//! What the application asks of the owner.

use ottla_kafka_core::TopicPartition;
use tokio::sync::oneshot;

use super::commits::Outcomes;
use crate::offsets::Offsets;

/// A request of the consumer or a handle.
#[derive(Debug)]
pub(crate) enum Command {
    /// Commit; in `generation` only, if it is named.
    Commit { generation: Option<i32>, offsets: Offsets, reply: oneshot::Sender<Outcomes> },
    /// Read on at another offset; answers whether the partition is assigned.
    Seek { topic_partition: TopicPartition, offset: i64, reply: oneshot::Sender<bool> },
    /// Finish the commits, leave the group, end.
    Close { reply: oneshot::Sender<()> },
}
