//! A topic's configuration: what was set on it, and what of that the broker honours.

use std::collections::BTreeMap;

use super::known::{
    self, CLEANUP_POLICY, Kind, Known, MAX_MESSAGE_BYTES, MIN_INSYNC_REPLICAS, RETENTION_BYTES, RETENTION_MS,
};
use crate::log::Limits;

/// Kafka's default of `max.message.bytes`: 1 MiB and a batch header.
pub(crate) const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;

/// A topic's settings by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicConfig {
    given: BTreeMap<String, String>,
    limits: Limits,
    min_insync_replicas: usize,
}

/// A setting as DescribeConfigs shows it.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) value: String,
    /// Whether it was set on the topic.
    pub(crate) given: bool,
    /// What it is, or would be, without that.
    pub(crate) default: String,
}

/// A change of one setting (KIP-339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set(String),
    /// Back to the default.
    Delete,
    /// Adds items to a list.
    Append(String),
    /// Takes items from a list.
    Subtract(String),
}

impl TopicConfig {
    /// Checks what a topic is created with; `broker` gives defaults, and the retention no topic may exceed.
    ///
    /// # Errors
    /// Which setting is not valid.
    pub(crate) fn new(given: BTreeMap<String, String>, broker: Limits) -> Result<Self, String> {
        for (name, value) in &given {
            known::find(name)?.check(value)?;
        }
        let number = |name| given.get(name).and_then(|text| text.trim().parse::<i64>().ok());
        let size = |name| number(name).and_then(|number| usize::try_from(number).ok());
        let mut limits = broker;
        if let Some(max) = size(MAX_MESSAGE_BYTES) {
            limits.max_message_bytes = max;
        }
        // -1 is unlimited in Kafka; memory is not.
        if let Some(bytes) = size(RETENTION_BYTES) {
            limits.retention_bytes = bytes.min(broker.retention_bytes);
        }
        if let Some(age) = number(RETENTION_MS) {
            limits.retention_ms = (age >= 0).then_some(age);
        }
        // Without `delete`, only what memory demands is forgotten.
        if given.get(CLEANUP_POLICY).is_some_and(|policy| !known::items(policy).any(|item| item == "delete")) {
            limits.retention_bytes = broker.retention_bytes;
            limits.retention_ms = None;
        }
        let min_insync_replicas = size(MIN_INSYNC_REPLICAS).unwrap_or(1);
        Ok(Self { given, limits, min_insync_replicas })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The replicas that must be alive for a produce with acks=all.
    pub(crate) fn min_insync_replicas(&self) -> usize {
        self.min_insync_replicas
    }

    /// What was set.
    pub(crate) fn given(&self) -> &BTreeMap<String, String> {
        &self.given
    }

    /// The configuration after these changes, all of them or none.
    pub(crate) fn changed<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, Change)>,
        broker: Limits,
    ) -> Result<Self, String> {
        let mut given = self.given.clone();
        for (name, change) in changes {
            let known = known::find(name)?;
            let value = match change {
                Change::Delete => None,
                Change::Set(value) => Some(value),
                Change::Append(_) | Change::Subtract(_) if known.kind != Kind::List => {
                    return Err(format!("{name} is no list: nothing can be appended to it or subtracted from it"));
                }
                Change::Append(more) => {
                    let now = given.get(name).map_or(known.default, String::as_str);
                    let new = known::items(&more).filter(|item| !known::items(now).any(|old| old == *item));
                    Some(known::items(now).chain(new).collect::<Vec<_>>().join(","))
                }
                Change::Subtract(less) => {
                    let now = given.get(name).map_or(known.default, String::as_str);
                    let left = known::items(now).filter(|item| !known::items(&less).any(|out| out == *item));
                    Some(left.collect::<Vec<_>>().join(","))
                }
            };
            match value {
                Some(value) => given.insert(name.to_owned(), value),
                None => given.remove(name),
            };
        }
        Self::new(given, broker)
    }

    /// Every setting of a topic, sorted by name.
    pub(crate) fn settings(&self, broker: Limits) -> Vec<Setting> {
        let setting = |known: &Known| {
            let given = self.given.get(known.name);
            let default = match known.name {
                MAX_MESSAGE_BYTES => broker.max_message_bytes.to_string(),
                RETENTION_BYTES => broker.retention_bytes.to_string(),
                RETENTION_MS => broker.retention_ms.unwrap_or(-1).to_string(),
                _ => known.default.to_owned(),
            };
            let value = given.cloned().unwrap_or_else(|| default.clone());
            Setting { name: known.name, kind: known.kind, value, given: given.is_some(), default }
        };
        known::all().iter().map(setting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKER: Limits = Limits { max_message_bytes: 1000, retention_bytes: 5000, retention_ms: None };

    fn config(given: &[(&str, &str)]) -> Result<TopicConfig, String> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        TopicConfig::new(given, BROKER)
    }

    #[test]
    fn what_is_not_honoured_is_refused() {
        let check = |name, value, taken: bool| {
            assert_eq!(config(&[(name, value)]).is_ok(), taken, "{name}={value}");
        };
        check("retention.ms", "-1", true);
        check("retention.ms", "-2", false);
        check("retention.ms", "soon", false);
        check("max.message.bytes", "2147483648", false);
        check("cleanup.policy", "compact,delete", true);
        check("cleanup.policy", "shred", false);
        check("compression.type", "producer", true);
        check("compression.type", "producer,producer", false);
        check("compression.type", "zstd", false);
        check("message.timestamp.type", "LogAppendTime", false);
        check("preallocate", "yes", false);
        check("min.cleanable.dirty.ratio", "1.1", false);
        check("no.such.setting", "1", false);
    }

    #[test]
    fn retention_never_exceeds_the_brokers() {
        let check = |given: &[(&str, &str)], bytes, age| {
            let limits = config(given).unwrap().limits();
            assert_eq!((limits.retention_bytes, limits.retention_ms), (bytes, age), "{given:?}");
        };
        check(&[], 5000, None);
        check(&[("retention.bytes", "-1"), ("retention.ms", "7")], 5000, Some(7));
        check(&[("retention.bytes", "4000")], 4000, None);
        check(&[("retention.bytes", "6000")], 5000, None);
        check(&[("retention.bytes", "1"), ("retention.ms", "1"), ("cleanup.policy", "compact")], 5000, None);
    }

    #[test]
    fn changes_apply_all_or_none() {
        let start = config(&[("retention.ms", "5")]).unwrap();
        let set = |value: &str| Change::Set(value.to_owned());
        let list = |value: &str| Change::Append(value.to_owned());
        let policy = |changes: Vec<(&str, Change)>| {
            start.changed(changes, BROKER).map(|config| config.given().get("cleanup.policy").cloned())
        };
        assert_eq!(policy(vec![("cleanup.policy", list("compact,delete"))]), Ok(Some("delete,compact".to_owned())));
        let less = Change::Subtract("delete".to_owned());
        assert_eq!(
            policy(vec![("cleanup.policy", set("delete,compact")), ("cleanup.policy", less)]).unwrap().as_deref(),
            Some("compact")
        );
        assert!(policy(vec![("retention.ms", list("5"))]).is_err(), "no list");
        assert!(policy(vec![("cleanup.policy", set("delete")), ("retention.ms", set("x"))]).is_err());
        assert!(start.changed([("retention.ms", Change::Delete)], BROKER).unwrap().given().is_empty());
    }

    #[test]
    fn every_setting_is_described() {
        let settings = config(&[("retention.ms", "5")]).unwrap().settings(BROKER);
        let found = |name| settings.iter().find(|setting| setting.name == name).unwrap();
        assert_eq!(settings.len(), known::all().len());
        assert_eq!((found("retention.ms").value.as_str(), found("retention.ms").default.as_str()), ("5", "-1"));
        assert_eq!((found("max.message.bytes").value.as_str(), found("max.message.bytes").given), ("1000", false));
        for setting in &settings {
            assert_eq!(known::find(setting.name).unwrap().check(&setting.default), Ok(()), "{}", setting.name);
        }
    }
}
