//! A question to a leader as a Fetch request.

use std::time::Duration;

use crate::{
    fetch::{FetchConfig, Isolation, partitions::Asked, plan::Question, reading::Next},
    metadata::{Cluster, Topic},
    protocol::{Fetch, FetchPartition, FetchTopic},
};

/// The request for what the question asks to read.
pub(super) fn request(question: &Question, config: &FetchConfig, cluster: &Cluster) -> Fetch {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for asked in &question.fetches {
        let name = asked.topic_partition.topic_shared();
        let partition = partition(asked, config, cluster);
        // In the order of their turns: a topic may come twice, because a full answer serves the first partitions only.
        match topics.last_mut().filter(|topic| topic.name == name) {
            Some(topic) => topic.partitions.push(partition),
            None => {
                let id = cluster.topic(&name).map(Topic::id).unwrap_or_default();
                topics.push(FetchTopic { name, id, partitions: vec![partition] });
            }
        }
    }
    Fetch {
        max_wait_ms: i32::try_from(question.wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: config.min_bytes,
        max_bytes: i32::try_from(question.max_bytes).unwrap_or(i32::MAX),
        isolation: i8::from(config.isolation == Isolation::ReadCommitted),
        topics,
    }
}

fn partition(asked: &Asked, config: &FetchConfig, cluster: &Cluster) -> FetchPartition {
    let Asked { topic_partition, next, .. } = asked;
    FetchPartition {
        index: topic_partition.partition(),
        current_leader_epoch: cluster.partition(topic_partition).map_or(-1, |partition| partition.leader_epoch),
        offset: match next {
            Next::Fetch(offset) => *offset,
            Next::Locate(_) => 0,
        },
        max_bytes: config.partition_bytes,
    }
}

/// How long the throttle time of an answer is.
pub(super) fn throttle(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
