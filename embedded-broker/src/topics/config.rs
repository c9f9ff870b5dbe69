//! A topic's configuration: what it was created with, and what of that the broker honours.

use std::collections::BTreeMap;

use crate::log::Limits;

pub(crate) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
pub(crate) const RETENTION_BYTES: &str = "retention.bytes";

/// Kafka's default of `max.message.bytes`: 1 MiB and a batch header.
pub(crate) const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;

/// A topic's settings by Kafka's names. Those the broker does not know are kept and shown, without effect.
#[derive(Clone, Debug)]
pub(crate) struct TopicConfig {
    given: BTreeMap<String, String>,
    limits: Limits,
}

/// A setting as DescribeConfigs shows it.
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Whether the topic was created with it.
    pub(crate) given: bool,
}

impl TopicConfig {
    /// Checks what a topic is created with; `broker` gives defaults, and the retention no topic may exceed.
    ///
    /// # Errors
    /// Which setting is not valid.
    pub(crate) fn new(given: BTreeMap<String, String>, broker: Limits) -> Result<Self, String> {
        let mut limits = broker;
        if let Some(max) = number(&given, MAX_MESSAGE_BYTES)? {
            limits.max_message_bytes =
                usize::try_from(max).map_err(|_| format!("{MAX_MESSAGE_BYTES} must not be negative"))?;
        }
        match number(&given, RETENTION_BYTES)? {
            // Unlimited in Kafka; memory is not.
            None | Some(-1) => {}
            Some(bytes) => {
                let bytes =
                    usize::try_from(bytes).map_err(|_| format!("{RETENTION_BYTES} must be -1 or not negative"))?;
                limits.retention_bytes = bytes.min(broker.retention_bytes);
            }
        }
        Ok(Self { given, limits })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Every setting, sorted by name: what was given, and the defaults of what is honoured.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let mut settings: BTreeMap<&str, (String, bool)> = BTreeMap::from([
            (MAX_MESSAGE_BYTES, (self.limits.max_message_bytes.to_string(), false)),
            (RETENTION_BYTES, (self.limits.retention_bytes.to_string(), false)),
        ]);
        for (name, value) in &self.given {
            settings.insert(name, (value.clone(), true));
        }
        settings.into_iter().map(|(name, (value, given))| Setting { name: name.to_owned(), value, given }).collect()
    }
}

fn number(given: &BTreeMap<String, String>, name: &str) -> Result<Option<i64>, String> {
    let Some(text) = given.get(name) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| format!("{name} must be a whole number, not '{}'", text.escape_debug()))
}
