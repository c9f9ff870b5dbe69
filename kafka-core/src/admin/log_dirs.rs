use std::collections::BTreeMap;

use kafka_protocol::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse,
    describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult},
};

use super::{
    Admin,
    wire::{of_topic, verdict},
};
use crate::{client::ConnectionKind, error::Error, topic_partition::TopicPartition};

/// A directory in which a broker keeps logs. Kafka: `LogDirDescription`.
#[derive(Clone, Debug)]
pub struct LogDir {
    path: String,
    error: Option<Error>,
    total_bytes: Option<u64>,
    usable_bytes: Option<u64>,
    replicas: BTreeMap<TopicPartition, ReplicaSize>,
}

/// A copy of a partition in a log directory. Kafka: `ReplicaInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaSize {
    size: i64,
    offset_lag: i64,
    future: bool,
}

impl LogDir {
    /// Its path on the broker. Kafka: `log.dirs`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong with it; Kafka: `KAFKA_STORAGE_ERROR` for one that is offline.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The size of its volume in bytes, if the broker says (from Kafka 3.3 on).
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// The bytes left on its volume, if the broker says (from Kafka 3.3 on).
    pub fn usable_bytes(&self) -> Option<u64> {
        self.usable_bytes
    }

    /// The copies of partitions in it.
    pub fn replicas(&self) -> &BTreeMap<TopicPartition, ReplicaSize> {
        &self.replicas
    }

    fn read(result: DescribeLogDirsResult) -> Self {
        let replica = |_: &TopicPartition, partition: DescribeLogDirsPartition| ReplicaSize {
            size: partition.partition_size,
            offset_lag: partition.offset_lag,
            future: partition.is_future_key,
        };
        let topics = result.topics.into_iter();
        let replicas = topics.flat_map(|topic| of_topic(topic.name, topic.partitions, replica, |p| p.partition_index));
        Self {
            path: result.log_dir.to_string(),
            error: verdict(result.error_code, "DescribeLogDirs", None).err(),
            total_bytes: u64::try_from(result.total_bytes).ok(),
            usable_bytes: u64::try_from(result.usable_bytes).ok(),
            replicas: replicas.collect(),
        }
    }
}

impl ReplicaSize {
    /// The size of its segments in bytes.
    pub fn size(&self) -> i64 {
        self.size
    }

    /// How many records it is behind: the leader's high watermark, or the copy that it is to replace.
    pub fn offset_lag(&self) -> i64 {
        self.offset_lag
    }

    /// Whether it is being moved here and will replace another directory's copy.
    pub fn is_future(&self) -> bool {
        self.future
    }
}

impl Admin<'_> {
    /// The log directories of these brokers, or of all if none is named. One that is none of the cluster's is the error
    /// `BROKER_NOT_AVAILABLE`.
    ///
    /// # Errors
    /// No broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn describe_log_dirs(&self, brokers: &[i32]) -> Result<BTreeMap<i32, Result<Vec<LogDir>, Error>>, Error> {
        let request = DescribeLogDirsRequest::default().with_topics(None);
        self.ask_each(brokers, ConnectionKind::Slow, &request, read).await
    }
}

fn read(answer: DescribeLogDirsResponse) -> Result<Vec<LogDir>, Error> {
    verdict(answer.error_code, "DescribeLogDirs", None)?;
    Ok(answer.results.into_iter().map(LogDir::read).collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsTopic;

    use super::*;
    use crate::{
        admin::wire::{text, topic_name},
        protocol::ErrorCode,
    };

    #[test]
    fn a_directory_is_read_with_its_replicas_and_without_a_size_that_is_not_told() {
        let partition = DescribeLogDirsPartition::default().with_partition_index(2).with_partition_size(77);
        let topic = DescribeLogDirsTopic::default().with_name(topic_name("orders")).with_partitions(vec![partition]);
        let good = DescribeLogDirsResult::default()
            .with_log_dir(text("/logs"))
            .with_total_bytes(1_000)
            .with_usable_bytes(-1)
            .with_topics(vec![topic]);
        let bad = DescribeLogDirsResult::default().with_error_code(ErrorCode::KAFKA_STORAGE_ERROR.0);
        let dirs = read(DescribeLogDirsResponse::default().with_results(vec![good, bad])).expect("directories");
        let sizes: Vec<_> = dirs[0].replicas().iter().map(|(tp, replica)| (tp.to_string(), replica.size())).collect();
        assert_eq!(sizes, [("orders-2".to_owned(), 77)]);
        assert_eq!((dirs[0].path(), dirs[0].total_bytes(), dirs[0].usable_bytes()), ("/logs", Some(1_000), None));
        assert!(dirs[0].error().is_none());
        assert_eq!(dirs[1].error().and_then(Error::code), Some(ErrorCode::KAFKA_STORAGE_ERROR));
    }

    #[test]
    fn a_broker_that_refuses_is_an_error() {
        let answer = DescribeLogDirsResponse::default().with_error_code(31);
        assert_eq!(read(answer).err().and_then(|error| error.code()), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    }
}
