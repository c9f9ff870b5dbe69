//! What topics there are: for a pattern, and for the partition counts that a leader assigns.

use std::{collections::BTreeMap, sync::Arc};

use ottla_kafka_core::{
    Client, Cluster, ConnectionKind, Error, ErrorCode, Target,
    protocol::messages::{MetadataRequest, MetadataResponse},
};
use regex::Regex;

use super::requests::Surroundings;
use crate::{assignor::PartitionCounts, config::GroupConfig};

/// Every topic of the cluster that this client may see. The client's own metadata is left alone: it is about the
/// topics that are read.
pub(super) async fn all_topics(client: &Client) -> Result<AllTopics, Error> {
    // From version 1 on, no list means all.
    let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    let answer = client.call(Target::Any, ConnectionKind::Control, &request, client.request_timeout()).await?;
    AllTopics::of(answer)
}

/// Topics by name: how many partitions they have, and whether they are Kafka's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AllTopics(BTreeMap<Arc<str>, (i32, bool)>);

impl AllTopics {
    fn of(answer: MetadataResponse) -> Result<Self, Error> {
        if answer.brokers.is_empty() {
            // A broker that starts knows of nothing yet; believing it would drop every topic.
            return Err(Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, "Metadata"));
        }
        let mut topics = BTreeMap::new();
        for topic in answer.topics.into_iter().filter(|topic| ErrorCode(topic.error_code).is_none()) {
            let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            if let Some(name) = topic.name.filter(|_| count > 0) {
                topics.insert(name.as_str().into(), (count, topic.is_internal));
            }
        }
        Ok(Self(topics))
    }

    /// What of these topics is there, and what matches. Kafka's own topics match nothing, as in Java by default
    /// (`exclude.internal.topics`).
    pub(super) fn surroundings(&self, topics: &[Arc<str>], pattern: &Regex) -> Surroundings {
        let count = |topic: &Arc<str>| Some((Arc::clone(topic), self.0.get(topic)?.0));
        let matching = self.0.iter().filter(|(name, (_, is_internal))| !is_internal && pattern.is_match(name));
        Surroundings {
            counts: topics.iter().filter_map(count).collect(),
            subscription: matching.map(|(name, _)| Arc::clone(name)).collect(),
        }
    }
}

/// What of these topics is there, if they are subscribed to by name.
pub(super) async fn by_name(
    client: &Client,
    config: &GroupConfig,
    topics: Vec<Arc<str>>,
) -> Result<Surroundings, Error> {
    let metadata = client.metadata();
    let names: Vec<&str> = topics.iter().map(|topic| topic.as_ref()).collect();
    let known = metadata.cluster().generation();
    let mut cluster = metadata.topics(&names).await?;
    if cluster.generation() == known {
        cluster = metadata.refresh_after(known).await?;
    }
    Ok(Surroundings { counts: counts(&cluster, &topics), subscription: config.topics.clone() })
}

pub(super) fn counts(cluster: &Cluster, topics: &[Arc<str>]) -> PartitionCounts {
    let count = |topic: &Arc<str>| {
        let count = i32::try_from(cluster.topic(topic)?.partitions().len()).unwrap_or(i32::MAX);
        (count > 0).then(|| (Arc::clone(topic), count))
    };
    topics.iter().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::protocol::{
        kafka_protocol::protocol::StrBytes,
        messages::{
            TopicName,
            metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
        },
    };

    use super::*;

    fn answer(topics: &[(&'static str, usize, i16)]) -> MetadataResponse {
        let topic = |(name, partitions, code): &(&'static str, usize, i16)| {
            MetadataResponseTopic::default()
                .with_name(Some(TopicName(StrBytes::from_static_str(name))))
                .with_error_code(*code)
                .with_is_internal(name.starts_with("__"))
                .with_partitions(vec![MetadataResponsePartition::default(); *partitions])
        };
        MetadataResponse::default()
            .with_brokers(vec![MetadataResponseBroker::default()])
            .with_topics(topics.iter().map(topic).collect())
    }

    #[test]
    fn a_pattern_finds_the_topics_that_are_there_but_kafkas_own() {
        let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
        let answer = answer(&[("orders", 3, 0), ("orders-dlq", 1, 0), ("orders-old", 0, gone), ("__orders", 5, 0)]);
        let all = AllTopics::of(answer).expect("an answer");
        let pattern = Regex::new("orders").expect("a pattern");
        let found = all.surroundings(&["orders".into(), "__orders".into(), "nowhere".into()], &pattern);
        assert_eq!(found.subscription, ["orders".into(), "orders-dlq".into()]);
        assert_eq!(found.counts, [("orders".into(), 3), ("__orders".into(), 5)].into());
    }

    #[test]
    fn a_broker_that_starts_is_not_believed() {
        let answer = answer(&[]).with_brokers(Vec::new());
        assert!(AllTopics::of(answer).is_err_and(|error| error.is_retriable()));
    }
}
