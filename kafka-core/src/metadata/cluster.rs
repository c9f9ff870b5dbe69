use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kafka_protocol::messages::{
    MetadataResponse,
    metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
};
use uuid::Uuid;

use crate::{
    connector::BrokerAddr,
    protocol::{ErrorCode, LeaderHint, NodeEndpoint},
    topic_partition::TopicPartition,
};

/// The cluster as one answer described it, with what earlier answers said of other topics.
///
/// Its generation grows with each answer, so that a failure seen under an old one cannot throw away a newer one.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    generation: u64,
    cluster_id: Option<String>,
    controller: Option<i32>,
    brokers: BTreeMap<i32, BrokerAddr>,
    topics: BTreeMap<Arc<str>, Topic>,
}

/// A topic's partitions, or why they are not known.
#[derive(Clone, Debug)]
pub struct Topic {
    id: Uuid,
    error: Option<ErrorCode>,
    partitions: Vec<Partition>,
}

/// A partition's leader and replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The leader's broker id, unless one is being elected.
    pub leader: Option<i32>,
    /// The leader's epoch; −1 if the broker does not say.
    pub leader_epoch: i32,
    /// The brokers that hold a copy.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
}

impl Cluster {
    /// The number of the answer that this is.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The broker id to send administrative requests to.
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// The brokers by id, as they advertise themselves.
    pub fn brokers(&self) -> &BTreeMap<i32, BrokerAddr> {
        &self.brokers
    }

    /// The topics that were asked for, by name.
    pub fn topics(&self) -> &BTreeMap<Arc<str>, Topic> {
        &self.topics
    }

    /// A topic that was asked for.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// The partition, if its topic is known.
    pub fn partition(&self, topic_partition: &TopicPartition) -> Option<&Partition> {
        let index = usize::try_from(topic_partition.partition()).ok()?;
        self.topic(topic_partition.topic())?.partitions.get(index)
    }

    /// The leader's broker id, if there is one.
    pub fn leader(&self, topic_partition: &TopicPartition) -> Option<i32> {
        self.partition(topic_partition)?.leader
    }

    /// This cluster after `answer`: its brokers replace ours, its topics are added. A broker that lags behind may
    /// name an older leader; a partition keeps the newer one while the topic is the same.
    pub(crate) fn after(&self, answer: MetadataResponse) -> Self {
        let mut topics = self.topics.clone();
        for topic in answer.topics {
            let Some(name) = topic.name.as_ref().map(|name| Arc::from(name.0.as_str())) else { continue };
            let fresh = Topic::from_answer(topic).unless_older_than(self.topics.get(&name));
            topics.insert(name, fresh);
        }
        let brokers = answer.brokers.into_iter().filter_map(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            Some((broker.node_id.0, BrokerAddr::new(broker.host.as_str(), port)))
        });
        Self {
            generation: self.generation.saturating_add(1),
            cluster_id: answer.cluster_id.map(|id| id.to_string()),
            controller: (answer.controller_id.0 >= 0).then_some(answer.controller_id.0),
            brokers: brokers.collect(),
            topics,
        }
    }

    /// This cluster after brokers that lead no longer have named those that do ([KIP-951]); `None` if that is no news.
    /// A leader whose address nobody told is not believed.
    ///
    /// [KIP-951]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-951
    pub(crate) fn with_leaders(&self, hints: &[(TopicPartition, LeaderHint)], nodes: &[NodeEndpoint]) -> Option<Self> {
        let mut fresh = self.clone();
        for node in nodes {
            if let Ok(port) = u16::try_from(node.port) {
                fresh.brokers.insert(node.id, BrokerAddr::new(node.host.as_str(), port));
            }
        }
        let mut news = false;
        for (topic_partition, hint) in hints.iter().filter(|(_, hint)| fresh.brokers.contains_key(&hint.id)) {
            let topic = fresh.topics.get_mut(topic_partition.topic());
            let index = usize::try_from(topic_partition.partition()).ok();
            let partition = topic.zip(index).and_then(|(topic, index)| topic.partitions.get_mut(index));
            if let Some(partition) = partition.filter(|partition| partition.leader_epoch < hint.epoch) {
                partition.leader = Some(hint.id);
                partition.leader_epoch = hint.epoch;
                news = true;
            }
        }
        fresh.generation = fresh.generation.saturating_add(1);
        news.then_some(fresh)
    }

    /// The brokers' addresses.
    pub(crate) fn addresses(&self) -> BTreeSet<BrokerAddr> {
        self.brokers.values().cloned().collect()
    }
}

impl Topic {
    /// The topic's id (KIP-516); nil if the broker does not say.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Why its partitions are not known.
    pub fn error(&self) -> Option<ErrorCode> {
        self.error
    }

    /// Its partitions, by index.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    fn from_answer(topic: MetadataResponseTopic) -> Self {
        let code = ErrorCode(topic.error_code);
        let mut by_index: BTreeMap<i32, Partition> = topic
            .partitions
            .into_iter()
            .map(|partition| (partition.partition_index, Partition::from_answer(partition)))
            .collect();
        // An index that is missing has no place in the list, and what comes after it could not be addressed.
        let partitions = (0..).map_while(|index| by_index.remove(&index)).collect();
        Self { id: topic.topic_id, error: (code != ErrorCode::NONE).then_some(code), partitions }
    }

    fn unless_older_than(mut self, known: Option<&Self>) -> Self {
        let Some(known) = known.filter(|known| known.id == self.id) else { return self };
        for (fresh, known) in self.partitions.iter_mut().zip(&known.partitions) {
            if fresh.leader_epoch >= 0 && fresh.leader_epoch < known.leader_epoch {
                fresh.clone_from(known);
            }
        }
        self
    }
}

impl Partition {
    fn from_answer(partition: MetadataResponsePartition) -> Self {
        let elected = partition.leader_id.0 >= 0;
        Self {
            leader: elected.then_some(partition.leader_id.0),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
            isr: partition.isr_nodes.iter().map(|node| node.0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::{
        messages::{BrokerId, TopicName, metadata_response::MetadataResponseBroker},
        protocol::StrBytes,
    };

    use super::*;

    /// An answer with `orders`, whose partitions have these leaders and leader epochs.
    fn answer(id: u128, leaders: &[(i32, i32)]) -> MetadataResponse {
        let partition = |(index, (leader, epoch)): (i32, &(i32, i32))| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(*leader))
                .with_leader_epoch(*epoch)
        };
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("orders"))))
            .with_topic_id(Uuid::from_u128(id))
            .with_partitions((0..).zip(leaders).map(partition).collect());
        let broker = |id| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id))
                .with_host(StrBytes::from_static_str("localhost"))
                .with_port(9092 + id)
        };
        MetadataResponse::default().with_brokers(vec![broker(1), broker(2)]).with_topics(vec![topic])
    }

    fn leaders(cluster: &Cluster) -> Vec<Option<i32>> {
        (0..3).map(|index| cluster.leader(&TopicPartition::new("orders", index))).collect()
    }

    #[test]
    fn each_answer_is_a_later_generation_and_an_older_leader_does_not_come_back() {
        let first = Cluster::default().after(answer(1, &[(1, 5), (2, 5)]));
        assert_eq!((first.generation(), leaders(&first)), (1, vec![Some(1), Some(2), None]));
        let lagging = first.after(answer(1, &[(2, 4), (1, 6)]));
        assert_eq!((lagging.generation(), leaders(&lagging)), (2, vec![Some(1), Some(1), None]));
    }

    #[test]
    fn a_topic_that_was_made_anew_starts_over() {
        let old = Cluster::default().after(answer(1, &[(1, 5)]));
        let new = old.after(answer(2, &[(2, 0)]));
        assert_eq!(leaders(&new), [Some(2), None, None]);
    }

    #[test]
    fn an_election_leaves_a_partition_without_a_leader() {
        let cluster = Cluster::default().after(answer(1, &[(-1, 6)]));
        assert_eq!(leaders(&cluster), [None, None, None]);
        assert_eq!(cluster.partition(&TopicPartition::new("orders", 0)).map(|partition| partition.leader), Some(None));
    }

    #[test]
    fn a_leader_that_a_broker_names_is_believed_if_it_is_newer_and_has_an_address() {
        let cluster = Cluster::default().after(answer(1, &[(1, 5), (2, 5)]));
        let told = |id, epoch, nodes: &[NodeEndpoint]| {
            let hint = (TopicPartition::new("orders", 0), LeaderHint { id, epoch });
            cluster.with_leaders(&[hint], nodes).map(|fresh| (fresh.generation(), leaders(&fresh)[0]))
        };
        let third = [NodeEndpoint { id: 3, host: "localhost".to_owned(), port: 9095, rack: None }];
        for (id, epoch, nodes, believed) in [
            (2, 6, &[][..], Some((2, Some(2)))),
            (2, 5, &[], None),
            (2, 4, &[], None),
            (3, 6, &[], None),
            (3, 6, &third, Some((2, Some(3)))),
        ] {
            assert_eq!(told(id, epoch, nodes), believed, "broker {id}, epoch {epoch}");
        }
        let unknown = (TopicPartition::new("orders", 7), LeaderHint { id: 2, epoch: 9 });
        assert!(cluster.with_leaders(&[unknown], &[]).is_none());
    }

    #[test]
    fn a_missing_or_hostile_partition_index_ends_the_list() {
        let mut hole = answer(1, &[(1, 0), (1, 0), (1, 0)]);
        hole.topics[0].partitions[1].partition_index = i32::MAX;
        let cluster = Cluster::default().after(hole);
        assert_eq!(leaders(&cluster), [Some(1), None, None]);
    }
}
