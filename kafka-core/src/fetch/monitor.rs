//! What health checks see of a fetcher.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{fetcher::Shared, position::end, reading::Stall};
use crate::{admin::OffsetSpec, topic_partition::TopicPartition};

/// A view of a [`Fetcher`](super::Fetcher) that may be asked from anywhere. Cloning shares it.
#[derive(Clone)]
pub struct FetchMonitor(Arc<Shared>);

impl FetchMonitor {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The partitions that bring nothing although they are read, each with the reason and for how long. A leader that
    /// moves or a broker that restarts shows here for a moment.
    pub fn stalled(&self) -> BTreeMap<TopicPartition, Stall> {
        let state = self.0.state();
        let stalled =
            |partition: &TopicPartition| Some((partition.clone(), state.partitions.get(partition)?.stall.clone()?));
        state.partitions.assigned().filter_map(stalled).collect()
    }

    /// The end of what its isolation level may read, as a question.
    #[doc(hidden)]
    pub fn end(&self) -> OffsetSpec {
        end(self.0.config.isolation)
    }
}

impl fmt::Debug for FetchMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchMonitor").field("stalled", &self.stalled()).finish()
    }
}
