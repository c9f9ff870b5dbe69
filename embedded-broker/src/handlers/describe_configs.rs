//! DescribeConfigs, of topics and of the broker.

use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym},
};

use super::{code, text};
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
    topics::Setting,
};

/// Kafka's numbers of kinds of resources.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// Kafka's numbers of where a setting comes from.
const SET_ON_TOPIC: i8 = 1;
const SET_AT_START: i8 = 4;
const DEFAULT: i8 = 5;

/// From this version on, a setting's type is told (KIP-569).
const FIRST_WITH_TYPES: i16 = 3;

impl Handler for DescribeConfigsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DescribeConfigsResponse {
        each(self, cx.version, |resource| match resource.resource_type {
            TOPIC => {
                let topics = cx.cluster.topics();
                let topic = topics.get(&resource.resource_name).ok_or(Refusal::UnknownTopicOrPartition)?;
                Ok(topic.config().settings(cx.cluster.settings().topic_limits))
            }
            // The default of all brokers, which nobody has set.
            BROKER if resource.resource_name.is_empty() => Ok(Vec::new()),
            // A broker's settings are told by itself only: clients send it the request.
            BROKER if resource.resource_name.parse() == Ok(cx.node) => Ok(cx.cluster.settings().described()),
            _ => Err(Refusal::InvalidRequest),
        })
    }

    fn refused(&self, version: i16, refusal: Refusal) -> DescribeConfigsResponse {
        each(self, version, |_| Err(refusal))
    }
}

fn each(
    request: &DescribeConfigsRequest,
    version: i16,
    decide: impl Fn(&DescribeConfigsResource) -> Result<Vec<Setting>, Refusal>,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let settings = decide(resource);
        let answer = DescribeConfigsResult::default()
            .with_error_code(code(&settings))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        let wanted = |setting: &Setting| {
            let keys = resource.configuration_keys.as_ref();
            keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == setting.name))
        };
        let settings = settings.unwrap_or_default().into_iter().filter(wanted);
        let is_broker = resource.resource_type == BROKER;
        answer.with_configs(settings.map(|setting| described(setting, is_broker, request, version)).collect())
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn described(
    setting: Setting,
    is_broker: bool,
    request: &DescribeConfigsRequest,
    version: i16,
) -> DescribeConfigsResourceResult {
    let synonyms = if request.include_synonyms { synonyms(&setting, is_broker) } else { Vec::new() };
    let answer = DescribeConfigsResourceResult::default()
        .with_name(text(setting.name))
        .with_config_source(source_of(&setting, is_broker))
        .with_read_only(is_broker)
        .with_synonyms(synonyms)
        .with_value(Some(text(setting.value)));
    // kafka-protocol refuses to encode a field the version does not have.
    if version >= FIRST_WITH_TYPES { answer.with_config_type(setting.kind as i8) } else { answer }
}

/// Where the value comes from, then what would take its place.
fn synonyms(setting: &Setting, is_broker: bool) -> Vec<DescribeConfigsSynonym> {
    let synonym = |value: &str, source| {
        DescribeConfigsSynonym::default()
            .with_name(text(setting.name))
            .with_value(Some(text(value)))
            .with_source(source)
    };
    let given = setting.given.then(|| synonym(&setting.value, source_of(setting, is_broker)));
    given.into_iter().chain([synonym(&setting.default, DEFAULT)]).collect()
}

/// Kafka's number of where a setting comes from.
fn source_of(setting: &Setting, is_broker: bool) -> i8 {
    match (setting.given, is_broker) {
        (false, _) => DEFAULT,
        (true, false) => SET_ON_TOPIC,
        (true, true) => SET_AT_START,
    }
}

/// Kafka's number of where a topic's setting comes from.
pub(super) fn source_on_topic(setting: &Setting) -> i8 {
    source_of(setting, false)
}
