//! IncrementalAlterConfigs (KIP-339) and its predecessor AlterConfigs, of topics.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    alter_configs_request, alter_configs_response, incremental_alter_configs_request,
    incremental_alter_configs_response,
};

use super::{
    describe_configs::{BROKER, TOPIC},
    text,
};
use crate::{
    cluster::Cluster,
    dispatch::{Cx, Handler},
    log::{Limits, Refusal},
    topics::{Change, TopicConfig},
};

type Outcome = Result<(), (Refusal, String)>;

impl Handler for IncrementalAlterConfigsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> IncrementalAlterConfigsResponse {
        incremental(self, |resource| {
            let change = |old: &TopicConfig, broker| {
                let changes: Result<Vec<_>, _> = resource.configs.iter().map(read_change).collect();
                old.changed(changes?, broker)
            };
            alter(cx.cluster, (resource.resource_type, &resource.resource_name), self.validate_only, change)
        })
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> IncrementalAlterConfigsResponse {
        incremental(self, |_| Err((refusal, String::new())))
    }
}

impl Handler for AlterConfigsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> AlterConfigsResponse {
        whole(self, |resource| {
            // What is not named goes back to its default: that is why this request has a successor.
            let change = |_: &TopicConfig, broker| {
                let named = |config: &alter_configs_request::AlterableConfig| {
                    Some((config.name.to_string(), config.value.as_ref()?.to_string()))
                };
                let given: BTreeMap<_, _> = resource.configs.iter().filter_map(named).collect();
                TopicConfig::new(given, broker)
            };
            alter(cx.cluster, (resource.resource_type, &resource.resource_name), self.validate_only, change)
        })
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> AlterConfigsResponse {
        whole(self, |_| Err((refusal, String::new())))
    }
}

fn alter(
    cluster: &Cluster,
    (kind, name): (i8, &str),
    validate_only: bool,
    change: impl FnOnce(&TopicConfig, Limits) -> Result<TopicConfig, String>,
) -> Outcome {
    match kind {
        TOPIC => {}
        BROKER => {
            let why = "the embedded broker's settings are fixed when it starts".to_owned();
            return Err((Refusal::InvalidRequest, why));
        }
        _ => return Err((Refusal::InvalidRequest, format!("resources of kind {kind} have no settings here"))),
    }
    let mut topics = cluster.topics();
    let unknown = || (Refusal::UnknownTopicOrPartition, format!("there is no topic {}", name.escape_debug()));
    let topic = topics.get(name).ok_or_else(unknown)?;
    let config =
        change(topic.config(), cluster.settings().topic_limits).map_err(|why| (Refusal::InvalidConfig, why))?;
    if !validate_only {
        cluster.configure_topic(&mut topics, name, config)?;
    }
    Ok(())
}

fn read_change(config: &incremental_alter_configs_request::AlterableConfig) -> Result<(&str, Change), String> {
    let value = || {
        let missing = || format!("{} has no value", config.name.escape_debug());
        config.value.as_ref().map(ToString::to_string).ok_or_else(missing)
    };
    let change = match config.config_operation {
        0 => Change::Set(value()?),
        1 => Change::Delete,
        2 => Change::Append(value()?),
        3 => Change::Subtract(value()?),
        other => return Err(format!("{} is none of Kafka's operations on a setting", other)),
    };
    Ok((config.name.as_str(), change))
}

fn incremental(
    request: &IncrementalAlterConfigsRequest,
    decide: impl Fn(&incremental_alter_configs_request::AlterConfigsResource) -> Outcome,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let (code, why) = wire(decide(resource));
        incremental_alter_configs_response::AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(why.map(text))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn whole(
    request: &AlterConfigsRequest,
    decide: impl Fn(&alter_configs_request::AlterConfigsResource) -> Outcome,
) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let (code, why) = wire(decide(resource));
        alter_configs_response::AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(why.map(text))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

fn wire(outcome: Outcome) -> (i16, Option<String>) {
    match outcome {
        Ok(()) => (0, None),
        Err((refusal, why)) => (refusal.code(), (!why.is_empty()).then_some(why)),
    }
}
