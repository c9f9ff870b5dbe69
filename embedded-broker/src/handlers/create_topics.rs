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
    dispatch::{Cx, Handler},
    log::{Limits, Refusal},
    node::Node,
    topics::{TopicConfig, Topics},
};

/// A topic that was, or could be, created.
struct Created {
    id: Uuid,
    partitions: i32,
    config: TopicConfig,
}

impl Handler for CreateTopicsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> CreateTopicsResponse {
        let mut topics = cx.node.topics();
        let create = |wanted: &CreatableTopic| {
            let result = create(cx.node, &mut topics, wanted, self.validate_only);
            answer(wanted, result, cx.node.settings().topic_limits, cx.version)
        };
        CreateTopicsResponse::default().with_topics(self.topics.iter().map(create).collect())
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> CreateTopicsResponse {
        let refuse = |wanted: &CreatableTopic| failed(wanted, (refusal, String::new()));
        CreateTopicsResponse::default().with_topics(self.topics.iter().map(refuse).collect())
    }
}

fn create(
    node: &Node,
    topics: &mut Topics,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<Created, (Refusal, String)> {
    let settings = node.settings();
    let partitions = match i32::try_from(wanted.assignments.len()) {
        Ok(0) if wanted.num_partitions == -1 => settings.default_partitions,
        Ok(0) => wanted.num_partitions,
        assigned => assigned.unwrap_or(i32::MAX),
    };
    if wanted.assignments.is_empty() && !matches!(wanted.replication_factor, -1 | 1) {
        let why = format!("replication factor {} with one broker", wanted.replication_factor);
        return Err((Refusal::InvalidReplicationFactor, why));
    }
    let given: BTreeMap<_, _> = wanted
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    let config = TopicConfig::new(given, settings.topic_limits).map_err(|why| (Refusal::InvalidConfig, why))?;
    if validate_only {
        topics.check_new(&wanted.name, partitions)?;
        return Ok(Created { id: Uuid::nil(), partitions, config });
    }
    let id = node.env().uuid();
    topics.create(&wanted.name, id, partitions, config.clone())?;
    Ok(Created { id, partitions, config })
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
    answer.with_num_partitions(created.partitions).with_replication_factor(1).with_configs(Some(configs.collect()))
}
