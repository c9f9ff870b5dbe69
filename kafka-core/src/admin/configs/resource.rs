use std::{collections::BTreeMap, fmt};

use crate::client::Target;

/// What has settings. Kafka: `ConfigResource.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ResourceType {
    /// A topic.
    Topic,
    /// A broker, or all of them where the name is empty.
    Broker,
    /// A consumer group (KIP-848).
    Group,
}

impl ResourceType {
    pub(super) fn number(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::Group => 32,
        }
    }

    pub(super) fn from_number(number: i8) -> Option<Self> {
        [Self::Topic, Self::Broker, Self::Group].into_iter().find(|kind| kind.number() == number)
    }
}

/// Something that has settings. Kafka: `ConfigResource`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    kind: ResourceType,
    name: String,
}

impl ConfigResource {
    pub(super) fn new(kind: ResourceType, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// A topic.
    pub fn topic(name: impl Into<String>) -> Self {
        Self::new(ResourceType::Topic, name)
    }

    /// A broker.
    pub fn broker(id: i32) -> Self {
        Self::new(ResourceType::Broker, id.to_string())
    }

    /// What all brokers go by unless they have settings of their own.
    pub fn all_brokers() -> Self {
        Self::new(ResourceType::Broker, "")
    }

    /// A consumer group (KIP-848).
    pub fn group(id: impl Into<String>) -> Self {
        Self::new(ResourceType::Group, id)
    }

    /// What it is.
    pub fn resource_type(&self) -> ResourceType {
        self.kind
    }

    /// Its name: a topic's or group's, or a broker's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Only a broker knows its own settings; the others are known to all.
    fn broker_id(&self) -> Option<i32> {
        (self.kind == ResourceType::Broker).then(|| self.name.parse().ok()).flatten()
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ResourceType::Topic => write!(f, "topic {}", self.name),
            ResourceType::Broker if self.name.is_empty() => f.write_str("all brokers"),
            ResourceType::Broker => write!(f, "broker {}", self.name),
            ResourceType::Group => write!(f, "group {}", self.name),
        }
    }
}

/// The resources by whom to ask about them.
pub(super) fn by_target(resources: &[ConfigResource]) -> impl Iterator<Item = (Target, Vec<ConfigResource>)> + use<> {
    let mut targets: BTreeMap<Option<i32>, Vec<ConfigResource>> = BTreeMap::new();
    for resource in resources {
        targets.entry(resource.broker_id()).or_default().push(resource.clone());
    }
    targets.into_iter().map(|(broker, resources)| (broker.map_or(Target::Any, Target::Broker), resources))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brokers_own_settings_are_asked_of_it_and_the_rest_of_any() {
        let resources = [
            ConfigResource::topic("7"),
            ConfigResource::broker(7),
            ConfigResource::all_brokers(),
            ConfigResource::group("g"),
        ];
        let targets: Vec<_> = by_target(&resources).map(|(target, resources)| (target, resources.len())).collect();
        assert_eq!(targets, [(Target::Any, 3), (Target::Broker(7), 1)]);
    }

    #[test]
    fn types_have_kafkas_numbers() {
        for kind in [ResourceType::Topic, ResourceType::Broker, ResourceType::Group] {
            assert_eq!(ResourceType::from_number(kind.number()), Some(kind));
        }
        assert_eq!(ResourceType::from_number(0), None);
    }
}
