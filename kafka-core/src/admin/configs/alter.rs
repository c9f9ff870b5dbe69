use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
};

use super::{ConfigResource, ResourceType, resource::by_target};
use crate::{
    admin::{
        Admin,
        asking::{Asking, once_each},
        items::Results,
        wire::{text, verdict},
    },
    client::ConnectionKind,
    error::Error,
};

/// What becomes of a setting. Kafka: `AlterConfigOp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    name: String,
    operation: Operation,
    value: Option<String>,
}

/// Kafka: `AlterConfigOp.OpType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Set = 0,
    Delete = 1,
    Append = 2,
    Subtract = 3,
}

impl ConfigChange {
    fn new(name: impl Into<String>, operation: Operation, value: Option<String>) -> Self {
        Self { name: name.into(), operation, value }
    }

    /// The setting gets this value.
    pub fn set(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Operation::Set, Some(value.into()))
    }

    /// The setting goes back to its default.
    pub fn delete(name: impl Into<String>) -> Self {
        Self::new(name, Operation::Delete, None)
    }

    /// The value is added to a setting that is a list, such as `cleanup.policy`.
    pub fn append(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Operation::Append, Some(value.into()))
    }

    /// The value is taken out of a setting that is a list.
    pub fn subtract(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Operation::Subtract, Some(value.into()))
    }

    /// The setting's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> AlterableConfig {
        AlterableConfig::default()
            .with_name(text(&self.name))
            .with_config_operation(self.operation as i8)
            .with_value(self.value.as_deref().map(text))
    }
}

impl Admin<'_> {
    /// Changes settings of topics, brokers and groups; what is not named stays as it is. The changes of one resource
    /// take effect together or not at all. Kafka: `incrementalAlterConfigs`, KIP-339.
    ///
    /// # Errors
    /// A resource is named twice, or no broker answered in time; [`Error::maybe_applied`] says whether settings may
    /// have changed.
    ///
    /// # Cancel safety
    /// Dropping it may change the settings or not.
    pub async fn incremental_alter_configs(
        &self,
        changes: &[(ConfigResource, Vec<ConfigChange>)],
    ) -> Result<BTreeMap<ConfigResource, Result<(), Error>>, Error> {
        let wanted = once_each(changes.iter().map(|(resource, changes)| (resource.clone(), changes)))?;
        let mut asking = Asking::new::<IncrementalAlterConfigsRequest>(self.client, wanted.keys().cloned());
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let calls = by_target(&asked).map(async |(target, resources)| {
                let request = request(&wanted, &resources);
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

fn request(
    wanted: &BTreeMap<ConfigResource, &Vec<ConfigChange>>,
    resources: &[ConfigResource],
) -> IncrementalAlterConfigsRequest {
    let resources = resources.iter().filter_map(|resource| Some((resource, wanted.get(resource)?)));
    let resources = resources.map(|(resource, changes)| {
        AlterConfigsResource::default()
            .with_resource_type(resource.resource_type().number())
            .with_resource_name(text(resource.name()))
            .with_configs(changes.iter().map(ConfigChange::request).collect())
    });
    IncrementalAlterConfigsRequest::default().with_resources(resources.collect())
}

fn read(answer: IncrementalAlterConfigsResponse) -> Results<ConfigResource, ()> {
    let results = answer.responses.into_iter().filter_map(|result| {
        let resource = ConfigResource::new(ResourceType::from_number(result.resource_type)?, &*result.resource_name);
        Some((resource, verdict(result.error_code, "IncrementalAlterConfigs", result.error_message)))
    });
    results.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_kafkas_number_and_a_deletion_no_value() {
        for (change, number, value) in [
            (ConfigChange::set("a", "1"), 0, Some("1")),
            (ConfigChange::delete("a"), 1, None),
            (ConfigChange::append("a", "1"), 2, Some("1")),
            (ConfigChange::subtract("a", "1"), 3, Some("1")),
        ] {
            let request = change.request();
            assert_eq!((request.config_operation, request.value.as_deref()), (number, value), "{change:?}");
        }
    }

    #[test]
    fn only_what_is_asked_for_now_is_sent() {
        let changes = vec![ConfigChange::set("retention.ms", "1000")];
        let [a, b] = [ConfigResource::topic("a"), ConfigResource::topic("b")];
        let wanted = BTreeMap::from([(a, &changes), (b.clone(), &changes)]);
        let request = request(&wanted, &[b]);
        assert_eq!(request.resources.iter().map(|r| r.resource_name.to_string()).collect::<Vec<_>>(), ["b"]);
    }
}
