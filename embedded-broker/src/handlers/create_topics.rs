//! CreateTopics.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse,
    create_topics_request::CreatableTopic,
    create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
};
use uuid::Uuid;

use super::{describe_configs::source_on_topic, text};
use crate::{
    cluster::Cluster,
    dispatch::{Cx, Handler},
    log::{Limits, Refusal},
    topics::{TopicConfig, Topics},
};

/// A topic that was, or could be, created.
struct Created {
    id: Uuid,
    partitions: i32,
    factor: i16,
    config: TopicConfig,
}

impl Handler for CreateTopicsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> CreateTopicsResponse {
        let mut topics = cx.cluster.topics();
        let create = |wanted: &CreatableTopic| {
            let result = create(cx.cluster, &mut topics, wanted, self.validate_only);
            answer(wanted, result, cx.cluster.settings().topic_limits, cx.version)
        };
        CreateTopicsResponse::default().with_topics(self.topics.iter().map(create).collect())
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> CreateTopicsResponse {
        let refuse = |wanted: &CreatableTopic| failed(wanted, (refusal, String::new()));
        CreateTopicsResponse::default().with_topics(self.topics.iter().map(refuse).collect())
    }
}

fn create(
    cluster: &Cluster,
    topics: &mut Topics,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<Created, (Refusal, String)> {
    let settings = cluster.settings();
    let assigned = wanted.assignments.iter().map(|assigned| (assigned.partition_index, assigned.broker_ids.as_slice()));
    let assigned = assigned.collect::<BTreeMap<_, _>>();
    let count = match i32::try_from(wanted.assignments.len()) {
        Ok(0) if wanted.num_partitions == -1 => settings.default_partitions,
        Ok(0) => wanted.num_partitions,
        assigned => assigned.unwrap_or(i32::MAX),
    };
    topics.check_new(&wanted.name, count)?;
    let partitions = if wanted.assignments.is_empty() {
        let factor = replication_factor(cluster, wanted.replication_factor)?;
        cluster.new_partitions(0, usize::try_from(count).unwrap_or(0), factor)
    } else {
        // A number that is missing or given twice leaves too few of those from 0 on.
        let replicas = (0..count).map_while(|index| assigned.get(&index).map(|nodes| nodes.iter().map(|id| id.0)));
        let replicas: Vec<Vec<i32>> = replicas.map(Iterator::collect).collect();
        if i32::try_from(replicas.len()) != Ok(count) {
            let why = "partitions are assigned from 0 on, each of them once".to_owned();
            return Err((Refusal::InvalidReplicaAssignment, why));
        }
        cluster.assigned_partitions(replicas)?
    };
    let given: BTreeMap<_, _> = wanted
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    let config = TopicConfig::new(given, settings.topic_limits).map_err(|why| (Refusal::InvalidConfig, why))?;
    let factor = partitions.first().map_or(0, |partition| partition.replicas().len());
    let factor = i16::try_from(factor).unwrap_or(i16::MAX);
    let id = match validate_only {
        true => Uuid::nil(),
        false => cluster.create_topic(topics, &wanted.name, partitions, config.clone())?,
    };
    Ok(Created { id, partitions: count, factor, config })
}

/// How many replicas a partition gets; -1 leaves it to the cluster.
fn replication_factor(cluster: &Cluster, wanted: i16) -> Result<usize, (Refusal, String)> {
    let nodes = cluster.nodes().ids().count();
    match usize::try_from(wanted) {
        Err(_) if wanted == -1 => Ok(cluster.settings().default_replicas()),
        Ok(factor) if (1..=nodes).contains(&factor) => Ok(factor),
        _ => Err((Refusal::InvalidReplicationFactor, format!("replication factor {wanted} with {nodes} nodes"))),
    }
}

fn failed(wanted: &CreatableTopic, (refusal, why): (Refusal, String)) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(wanted.name.clone())
        .with_error_code(refusal.code())
        .with_error_message((!why.is_empty()).then(|| text(why)))
}

fn answer(
    wanted: &CreatableTopic,
    result: Result<Created, (Refusal, String)>,
    limits: Limits,
    version: i16,
) -> CreatableTopicResult {
    let created = match result {
        Err(error) => return failed(wanted, error),
        Ok(created) => created,
    };
    let answer = CreatableTopicResult::default().with_name(wanted.name.clone());
    // kafka-protocol refuses to encode a field the version does not have.
    let answer = if version >= 7 { answer.with_topic_id(created.id) } else { answer };
    if version < 5 {
        return answer;
    }
    let configs = created.config.settings(limits).into_iter().map(|setting| {
        let source = source_on_topic(&setting);
        CreatableTopicConfigs::default()
            .with_name(text(setting.name))
            .with_value(Some(text(setting.value)))
            .with_config_source(source)
    });
    answer
        .with_num_partitions(created.partitions)
        .with_replication_factor(created.factor)
        .with_configs(Some(configs.collect()))
}
