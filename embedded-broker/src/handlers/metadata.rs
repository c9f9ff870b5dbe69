//! Metadata.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    BrokerId, MetadataRequest, MetadataResponse, TopicName,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};

use super::text;
use crate::{
    dispatch::{Cx, Handler},
    log::{PartitionLog, Refusal},
    node::{CLUSTER_ID, NODE_ID, Node},
    topics::{Topic, TopicConfig, Topics},
};

impl Handler for MetadataRequest {
    async fn answer(&self, cx: &Cx<'_>) -> MetadataResponse {
        let (node, version) = (cx.node, cx.version);
        let mut topics = node.topics();
        let answers = match &self.topics {
            Some(wanted) if !(version == 0 && wanted.is_empty()) => {
                // Before version 4 a client could not say no.
                let create = node.settings().auto_create_topics && (version < 4 || self.allow_auto_topic_creation);
                wanted.iter().map(|wanted| find(node, &mut topics, wanted, version, create)).collect()
            }
            _ => topics
                .names()
                .filter_map(|name| topics.get(name).map(|topic| described(name, topic, version)))
                .collect(),
        };
        cluster(node, version).with_topics(answers)
    }

    fn refused(&self, version: i16, refusal: Refusal) -> MetadataResponse {
        // No error of the whole answer before version 13: each topic has it.
        let wanted = self.topics.iter().flatten();
        let refuse = |wanted: &MetadataRequestTopic| unknown(wanted.name.clone(), refusal);
        let topics = wanted.map(refuse).map(|topic| without_null_name(topic, version)).collect();
        MetadataResponse::default().with_topics(topics)
    }
}

fn cluster(node: &Node, version: i16) -> MetadataResponse {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(text(node.addr().host()))
        .with_port(i32::from(node.addr().port()));
    let answer = MetadataResponse::default().with_brokers(vec![broker]).with_controller_id(BrokerId(NODE_ID));
    if version >= 2 { answer.with_cluster_id(Some(text(CLUSTER_ID))) } else { answer }
}

fn find(
    node: &Node,
    topics: &mut Topics,
    wanted: &MetadataRequestTopic,
    version: i16,
    create: bool,
) -> MetadataResponseTopic {
    let Some(name) = &wanted.name else {
        return match topics.name_of(wanted.topic_id).and_then(|name| Some((name, topics.get(name)?))) {
            Some((name, topic)) => described(name, topic, version),
            None => {
                let answer = unknown(None, Refusal::UnknownTopicId).with_topic_id(wanted.topic_id);
                without_null_name(answer, version)
            }
        };
    };
    if create && topics.get(name).is_none() {
        // What is wrong with the name is told below.
        let _ = create_default(node, topics, name);
    }
    match topics.get(name) {
        Some(topic) => described(name, topic, version),
        None if crate::topics::is_legal_name(name) => unknown(Some(name.clone()), Refusal::UnknownTopicOrPartition),
        None => unknown(Some(name.clone()), Refusal::InvalidTopicException),
    }
}

fn create_default(node: &Node, topics: &mut Topics, name: &str) -> Result<(), (Refusal, String)> {
    let settings = node.settings();
    let config =
        TopicConfig::new(BTreeMap::new(), settings.topic_limits).map_err(|why| (Refusal::InvalidConfig, why))?;
    topics.create(name, node.env().uuid(), settings.default_partitions, config)
}

fn described(name: &str, topic: &Topic, version: i16) -> MetadataResponseTopic {
    let partition = |(index, log): (i32, &PartitionLog)| {
        let answer = MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_replica_nodes(vec![BrokerId(NODE_ID)])
            .with_isr_nodes(vec![BrokerId(NODE_ID)]);
        if version >= 7 { answer.with_leader_epoch(log.leader_epoch()) } else { answer }
    };
    let answer = MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(name))))
        .with_partitions(topic.partitions().zip(topic.logs()).map(partition).collect());
    // kafka-protocol refuses to encode a field the version does not have.
    if version >= 10 { answer.with_topic_id(topic.id()) } else { answer }
}

fn unknown(name: Option<TopicName>, refusal: Refusal) -> MetadataResponseTopic {
    MetadataResponseTopic::default().with_error_code(refusal.code()).with_name(name)
}

/// Only since version 12 may a topic that was asked for by id have no name.
fn without_null_name(topic: MetadataResponseTopic, version: i16) -> MetadataResponseTopic {
    if version < 12 && topic.name.is_none() { topic.with_name(Some(TopicName::default())) } else { topic }
}
