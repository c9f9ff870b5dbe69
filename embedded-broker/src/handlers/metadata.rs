//! Metadata.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    BrokerId, MetadataRequest, MetadataResponse, TopicName,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};
use ottla_kafka_core::BrokerAddr;

use super::text;
use crate::{
    cluster::{CLUSTER_ID, Cluster},
    dispatch::{Cx, Handler},
    log::Refusal,
    nodes::Nodes,
    topics::{Partition, Topic, TopicConfig, Topics},
};

impl Handler for MetadataRequest {
    async fn answer(&self, cx: &Cx<'_>) -> MetadataResponse {
        let version = cx.version;
        let mut topics = cx.cluster.topics();
        // Before version 4 a client could not say no.
        let create = cx.cluster.settings().auto_create_topics && (version < 4 || self.allow_auto_topic_creation);
        let wanted = self.topics.as_ref().filter(|wanted| !(version == 0 && wanted.is_empty()));
        for wanted in wanted.into_iter().flatten().filter_map(|wanted| wanted.name.as_ref()).filter(|_| create) {
            if topics.get(wanted).is_none() {
                // What is wrong with the name is told below.
                let _ = create_default(cx.cluster, &mut topics, wanted);
            }
        }
        let nodes = cx.cluster.nodes();
        let answers = match wanted {
            Some(wanted) => wanted.iter().map(|wanted| find(&nodes, &topics, wanted, version)).collect(),
            None => {
                let all = topics.names().filter_map(|name| Some((name, topics.get(name)?)));
                all.map(|(name, topic)| described(&nodes, name, topic, version)).collect()
            }
        };
        cluster(&nodes, version).with_topics(answers)
    }

    fn refused(&self, version: i16, refusal: Refusal) -> MetadataResponse {
        // No error of the whole answer before version 13: each topic has it.
        let wanted = self.topics.iter().flatten();
        let refuse = |wanted: &MetadataRequestTopic| unknown(wanted.name.clone(), refusal);
        let topics = wanted.map(refuse).map(|topic| without_null_name(topic, version)).collect();
        MetadataResponse::default().with_topics(topics)
    }
}

fn cluster(nodes: &Nodes, version: i16) -> MetadataResponse {
    let broker = |(id, addr): (i32, &BrokerAddr)| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(text(addr.host()))
            .with_port(i32::from(addr.port()))
    };
    let answer = MetadataResponse::default()
        .with_brokers(nodes.alive().map(broker).collect())
        .with_controller_id(BrokerId(nodes.controller().unwrap_or(-1)));
    if version >= 2 { answer.with_cluster_id(Some(text(CLUSTER_ID))) } else { answer }
}

fn find(nodes: &Nodes, topics: &Topics, wanted: &MetadataRequestTopic, version: i16) -> MetadataResponseTopic {
    let Some(name) = &wanted.name else {
        return match topics.name_of(wanted.topic_id).and_then(|name| Some((name, topics.get(name)?))) {
            Some((name, topic)) => described(nodes, name, topic, version),
            None => {
                let answer = unknown(None, Refusal::UnknownTopicId).with_topic_id(wanted.topic_id);
                without_null_name(answer, version)
            }
        };
    };
    match topics.get(name) {
        Some(topic) => described(nodes, name, topic, version),
        None if crate::topics::is_legal_name(name) => unknown(Some(name.clone()), Refusal::UnknownTopicOrPartition),
        None => unknown(Some(name.clone()), Refusal::InvalidTopicException),
    }
}

fn create_default(cluster: &Cluster, topics: &mut Topics, name: &str) -> Result<(), (Refusal, String)> {
    let settings = cluster.settings();
    let config =
        TopicConfig::new(BTreeMap::new(), settings.topic_limits).map_err(|why| (Refusal::InvalidConfig, why))?;
    let partitions = usize::try_from(settings.default_partitions).unwrap_or(0);
    let partitions = cluster.new_partitions(0, partitions, settings.default_replicas());
    cluster.create_topic(topics, name, partitions, config).map(drop)
}

fn described(nodes: &Nodes, name: &str, topic: &Topic, version: i16) -> MetadataResponseTopic {
    let answer = MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(name))))
        .with_partitions(topic.partitions().map(|partition| described_partition(nodes, partition, version)).collect());
    // kafka-protocol refuses to encode a field the version does not have.
    if version >= 10 { answer.with_topic_id(topic.id()) } else { answer }
}

fn described_partition(
    nodes: &Nodes,
    (index, partition): (i32, &Partition),
    version: i16,
) -> MetadataResponsePartition {
    let replicas = |wanted: &dyn Fn(i32) -> bool| {
        partition.replicas().iter().copied().filter(|node| wanted(*node)).map(BrokerId).collect::<Vec<_>>()
    };
    let leaderless = partition.leader().is_none();
    let answer = MetadataResponsePartition::default()
        .with_error_code(if leaderless { Refusal::LeaderNotAvailable.code() } else { 0 })
        .with_partition_index(index)
        .with_leader_id(BrokerId(partition.leader().unwrap_or(-1)))
        .with_replica_nodes(replicas(&|_| true))
        .with_isr_nodes(replicas(&|node| nodes.is_alive(node)));
    let answer =
        if version >= 5 { answer.with_offline_replicas(replicas(&|node| !nodes.is_alive(node))) } else { answer };
    if version >= 7 { answer.with_leader_epoch(partition.log.leader_epoch()) } else { answer }
}

fn unknown(name: Option<TopicName>, refusal: Refusal) -> MetadataResponseTopic {
    MetadataResponseTopic::default().with_error_code(refusal.code()).with_name(name)
}

/// Only since version 12 may a topic that was asked for by id have no name.
fn without_null_name(topic: MetadataResponseTopic, version: i16) -> MetadataResponseTopic {
    if version < 12 && topic.name.is_none() { topic.with_name(Some(TopicName::default())) } else { topic }
}
