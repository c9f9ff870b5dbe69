use std::collections::BTreeMap;

use kafka_protocol::messages::{
    MetadataRequest, MetadataResponse,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
};
use uuid::Uuid;

use crate::{
    admin::{
        Admin,
        asking::Asking,
        items::Results,
        wire::{topic_name, verdict},
    },
    client::{ConnectionKind, Target},
    error::Error,
    metadata::Partition,
};

/// A topic as a broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    name: String,
    id: Uuid,
    internal: bool,
    partitions: BTreeMap<i32, Partition>,
}

impl TopicDescription {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id (KIP-516); nil if the broker does not say.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Whether it is one of Kafka's own, such as `__consumer_offsets`.
    pub fn is_internal(&self) -> bool {
        self.internal
    }

    /// Its partitions, by index.
    pub fn partitions(&self) -> &BTreeMap<i32, Partition> {
        &self.partitions
    }

    /// The number of copies of its first partition.
    pub fn replication_factor(&self) -> usize {
        self.partitions.first_key_value().map_or(0, |(_, partition)| partition.replicas.len())
    }

    fn read(topic: MetadataResponseTopic) -> Option<(String, Result<Self, Error>)> {
        let name = topic.name.as_ref()?.to_string();
        if let Err(error) = verdict(topic.error_code, "Metadata", None) {
            return Some((name, Err(error)));
        }
        let partitions = topic.partitions.into_iter().map(|p| (p.partition_index, partition(p))).collect();
        let topic = Self { name: name.clone(), id: topic.topic_id, internal: topic.is_internal, partitions };
        Some((name, Ok(topic)))
    }
}

fn partition(partition: MetadataResponsePartition) -> Partition {
    Partition {
        leader: (partition.leader_id.0 >= 0).then_some(partition.leader_id.0),
        leader_epoch: partition.leader_epoch,
        replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
        isr: partition.isr_nodes.iter().map(|node| node.0).collect(),
    }
}

impl Admin<'_> {
    /// Every topic of the cluster that the client may see, Kafka's own among them, fresh from a broker.
    ///
    /// # Errors
    /// No broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn list_topics(&self) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        let mut asking = Asking::new::<MetadataRequest>(self.client, [()]);
        while let Some(asked) = asking.next().await {
            let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
            let answer = self.client.call(Target::Any, ConnectionKind::Control, &request, asking.limit()).await;
            asking.answer(&asked, answer.map(|answer| Results::from([((), Ok(read(answer)))])));
        }
        asking.into_result()
    }

    /// Describes topics, fresh from a broker. A topic that does not exist is the error `UNKNOWN_TOPIC_OR_PARTITION`;
    /// it is not created.
    ///
    /// # Errors
    /// No broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn describe_topics(
        &self,
        names: &[&str],
    ) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        let names = names.iter().map(|name| (*name).to_owned());
        let mut asking = Asking::new::<MetadataRequest>(self.client, names);
        while let Some(asked) = asking.next().await {
            let topics = asked.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
            let request =
                MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(false);
            let answer = self.client.call(Target::Any, ConnectionKind::Control, &request, asking.limit()).await;
            asking.answer(&asked, answer.map(read));
        }
        asking.into_results()
    }

    /// The number of partitions of `topic`.
    ///
    /// # Errors
    /// The topic does not exist, or no broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn partition_count(&self, topic: &str) -> Result<usize, Error> {
        match self.describe_topics(&[topic]).await?.remove(topic) {
            Some(described) => described.map(|topic| topic.partitions.len()),
            None => Ok(0),
        }
    }
}

fn read(answer: MetadataResponse) -> Results<String, TopicDescription> {
    answer.topics.into_iter().filter_map(TopicDescription::read).collect()
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId;

    use super::*;
    use crate::protocol::ErrorCode;

    #[test]
    fn a_topic_is_read_with_its_partitions_and_one_without_a_name_is_not_believed() {
        let partition = |index, leader| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(leader))
                .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
        };
        let orders = MetadataResponseTopic::default()
            .with_name(Some(topic_name("orders")))
            .with_partitions(vec![partition(1, -1), partition(0, 2)]);
        let missing = MetadataResponseTopic::default().with_name(Some(topic_name("missing"))).with_error_code(3);
        let answer = MetadataResponse::default().with_topics(vec![
            orders,
            missing,
            MetadataResponseTopic::default().with_name(None),
        ]);
        let mut topics = read(answer);
        assert_eq!(topics.len(), 2);
        let missing = topics.remove("missing").and_then(Result::err).and_then(|error| error.code());
        assert_eq!(missing, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        let orders = topics.remove("orders").and_then(Result::ok).expect("a topic");
        let leaders: Vec<_> = orders.partitions().iter().map(|(index, p)| (*index, p.leader)).collect();
        assert_eq!((leaders.as_slice(), orders.replication_factor()), (&[(0, Some(2)), (1, None)][..], 2));
    }
}
