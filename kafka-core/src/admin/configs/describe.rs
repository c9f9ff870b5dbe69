use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
};

use super::{ConfigResource, ResourceType, resource::by_target};
use crate::{
    admin::{
        Admin,
        asking::Asking,
        items::Results,
        wire::{text, verdict},
    },
    client::ConnectionKind,
    error::Error,
};

/// A setting and where it comes from. Kafka: `ConfigEntry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    name: String,
    value: Option<String>,
    source: ConfigSource,
    read_only: bool,
    sensitive: bool,
}

/// Where a setting comes from. Kafka: `ConfigEntry.ConfigSource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// It was set for this topic.
    Topic,
    /// It was set for this broker while the broker ran.
    DynamicBroker,
    /// It was set for all brokers while they ran.
    DynamicDefaultBroker,
    /// It stands in the broker's file.
    StaticBroker,
    /// Nobody has set it.
    Default,
    /// It was set for this group.
    Group,
    /// Something that this client does not know.
    Unknown,
}

impl ConfigSource {
    fn from_number(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            8 => Self::Group,
            _ => Self::Unknown,
        }
    }
}

impl ConfigEntry {
    /// Its name, such as `retention.ms`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value; none if it is sensitive, or has none.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Where it comes from.
    pub fn source(&self) -> ConfigSource {
        self.source
    }

    /// Whether nobody has set it.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::Default
    }

    /// Whether it cannot be altered while the broker runs.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether brokers keep its value to themselves.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    fn read(entry: DescribeConfigsResourceResult) -> Self {
        Self {
            name: entry.name.to_string(),
            value: entry.value.filter(|_| !entry.is_sensitive).map(|value| value.to_string()),
            source: ConfigSource::from_number(entry.config_source),
            read_only: entry.read_only,
            sensitive: entry.is_sensitive,
        }
    }
}

impl Admin<'_> {
    /// The settings of topics, brokers and groups, each by name.
    ///
    /// # Errors
    /// No broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
    ) -> Result<BTreeMap<ConfigResource, Result<Vec<ConfigEntry>, Error>>, Error> {
        let mut asking = Asking::new::<DescribeConfigsRequest>(self.client, resources.iter().cloned());
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let calls = by_target(&asked).map(async |(target, resources)| {
                let request = request(&resources);
                let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await;
                (resources, answer.map(read))
            });
            for (resources, answer) in join_all(calls).await {
                asking.answer(&resources, answer);
            }
        }
        asking.into_results()
    }
}

fn request(resources: &[ConfigResource]) -> DescribeConfigsRequest {
    let resources = resources.iter().map(|resource| {
        DescribeConfigsResource::default()
            .with_resource_type(resource.resource_type().number())
            .with_resource_name(text(resource.name()))
            .with_configuration_keys(None)
    });
    DescribeConfigsRequest::default().with_resources(resources.collect())
}

fn read(answer: DescribeConfigsResponse) -> Results<ConfigResource, Vec<ConfigEntry>> {
    answer.results.into_iter().filter_map(resource).collect()
}

fn resource(result: DescribeConfigsResult) -> Option<(ConfigResource, Result<Vec<ConfigEntry>, Error>)> {
    let kind = ResourceType::from_number(result.resource_type)?;
    let resource = ConfigResource::new(kind, result.resource_name.as_str());
    let entries = verdict(result.error_code, "DescribeConfigs", result.error_message).map(|()| {
        let mut entries: Vec<_> = result.configs.into_iter().map(ConfigEntry::read).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    });
    Some((resource, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_by_name_and_a_sensitive_value_is_not_passed_on() {
        let entry = |name, sensitive| {
            DescribeConfigsResourceResult::default()
                .with_name(text(name))
                .with_value(Some(text("x")))
                .with_config_source(5)
                .with_is_sensitive(sensitive)
        };
        let orders = DescribeConfigsResult::default()
            .with_resource_type(2)
            .with_resource_name(text("orders"))
            .with_configs(vec![entry("b", true), entry("a", false)]);
        let strange = DescribeConfigsResult::default().with_resource_type(99);
        let mut read = read(DescribeConfigsResponse::default().with_results(vec![orders, strange]));
        assert_eq!(read.len(), 1);
        let entries = read.remove(&ConfigResource::topic("orders")).and_then(Result::ok).expect("settings");
        let values: Vec<_> = entries.iter().map(|entry| (entry.name(), entry.value(), entry.is_default())).collect();
        assert_eq!(values, [("a", Some("x"), true), ("b", None, true)]);
    }
}
