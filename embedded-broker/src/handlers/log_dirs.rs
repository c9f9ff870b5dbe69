//! DescribeLogDirs (KIP-113): each node has one directory, real or not.

use kafka_protocol::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
    describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic},
};

use super::text;
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
    topics::Topic,
};

/// What stands for a directory while records are in memory only.
const MEMORY: &str = "memory";

/// From this version on the whole answer may have an error.
const FIRST_WITH_ERROR: i16 = 3;

impl Handler for DescribeLogDirsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DescribeLogDirsResponse {
        let topics = cx.cluster.topics();
        let described: Vec<_> = match &self.topics {
            None => topics.names().filter_map(|name| Some(sizes(cx.node, name, topics.get(name)?, |_| true))).collect(),
            Some(wanted) => wanted
                .iter()
                .filter_map(|wanted| {
                    let topic = topics.get(&wanted.topic)?;
                    Some(sizes(cx.node, &wanted.topic, topic, |index| wanted.partitions.contains(&index)))
                })
                .collect(),
        };
        let dir = cx.cluster.storage().map_or(MEMORY.into(), |storage| storage.dir().to_string_lossy());
        let result = DescribeLogDirsResult::default().with_log_dir(text(dir)).with_topics(described);
        DescribeLogDirsResponse::default().with_results(vec![result])
    }

    fn refused(&self, version: i16, refusal: Refusal) -> DescribeLogDirsResponse {
        if version >= FIRST_WITH_ERROR {
            return DescribeLogDirsResponse::default().with_error_code(refusal.code());
        }
        let result = DescribeLogDirsResult::default().with_log_dir(text(MEMORY)).with_error_code(refusal.code());
        DescribeLogDirsResponse::default().with_results(vec![result])
    }
}

fn sizes(node: i32, name: &str, topic: &Topic, wanted: impl Fn(i32) -> bool) -> DescribeLogDirsTopic {
    let partitions =
        topic.partitions().filter(|(index, partition)| wanted(*index) && partition.replicas().contains(&node));
    let partitions = partitions.map(|(index, partition)| {
        DescribeLogDirsPartition::default()
            .with_partition_index(index)
            .with_partition_size(i64::try_from(partition.log.size()).unwrap_or(i64::MAX))
    });
    DescribeLogDirsTopic::default().with_name(TopicName(text(name))).with_partitions(partitions.collect())
}
