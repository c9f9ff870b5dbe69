//! DescribeConfigs, of topics. The broker's own settings are not told: most of Kafka's mean nothing here.

use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
};

use super::{code, source_of, text};
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
    topics::Setting,
};

/// Kafka's number of topics as a kind of resource.
const TOPIC: i8 = 2;

impl Handler for DescribeConfigsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DescribeConfigsResponse {
        let topics = cx.node.topics();
        each(self, |resource| {
            if resource.resource_type != TOPIC {
                return Err(Refusal::InvalidRequest);
            }
            let topic = topics.get(&resource.resource_name).ok_or(Refusal::UnknownTopicOrPartition)?;
            Ok(topic.config().settings())
        })
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> DescribeConfigsResponse {
        each(self, |_| Err(refusal))
    }
}

fn each(
    request: &DescribeConfigsRequest,
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
        let settings = settings.unwrap_or_default().into_iter().filter(wanted).map(|setting| {
            let source = source_of(&setting);
            DescribeConfigsResourceResult::default()
                .with_name(text(setting.name))
                .with_value(Some(text(setting.value)))
                .with_config_source(source)
        });
        answer.with_configs(settings.collect())
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}
