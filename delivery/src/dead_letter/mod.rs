//! Dead letters: where they go and what they carry.

mod fingerprint;
mod headers;

use std::sync::Arc;

use ottla_kafka_core::record::{Codec, Compression};

use crate::{handler::ErrorClass, outgoing::OutgoingRecord, record::DeliveryRecord};

/// The longest topic name that Kafka takes.
const MAX_TOPIC_NAME: usize = 249;

/// Where the dead letters of a route go.
///
/// A dead letter has the original's bytes, key, headers and timestamp, and says in text headers what happened:
/// `ottla-dlq-source-topic`, `-source-partition`, `-source-offset`, `-source-timestamp`, `-group`, `-attempts`,
/// `-first-failure`, `-last-failure` (milliseconds since 1970), `-error-kind`, `-error-message`, `-fingerprint`
/// (the same for the same trouble), and `retryCount`. On a record that was a dead letter before they are replaced.
///
/// It is compressed by the codec of the batch that its record was read from, and the producer's `max.request.size` does
/// not hold for it: what stood in the source has room in a topic as below. One that is too large all the same, as its
/// record was compressed at a higher level, goes without its error text and as dense as this build can write it.
///
/// The topic should have at least the source's partitions and retention, and 64 KiB more `max.message.bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    topic: DeadLetterTopic,
    max_error_text: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DeadLetterTopic {
    Suffix(String),
    Named(Arc<str>),
}

impl Default for DeadLetters {
    /// The source topic's name with `-dlq` behind it.
    fn default() -> Self {
        Self::suffix("-dlq")
    }
}

impl DeadLetters {
    /// To the source topic's name with `suffix` behind it.
    pub fn suffix(suffix: impl Into<String>) -> Self {
        Self { topic: DeadLetterTopic::Suffix(suffix.into()), max_error_text: 4_096 }
    }

    /// To this topic, whatever the source's name.
    pub fn topic(topic: impl Into<Arc<str>>) -> Self {
        Self { topic: DeadLetterTopic::Named(topic.into()), ..Self::default() }
    }

    /// The most bytes of error text a dead letter carries; 4,096 by default, 32 KiB at most.
    #[must_use]
    pub fn max_error_text(mut self, bytes: usize) -> Self {
        self.max_error_text = bytes.min(32 * 1024);
        self
    }

    /// The topic for dead letters of `source`.
    pub fn topic_for(&self, source: &str) -> Arc<str> {
        match &self.topic {
            DeadLetterTopic::Suffix(suffix) => format!("{source}{suffix}").into(),
            DeadLetterTopic::Named(topic) => Arc::clone(topic),
        }
    }

    /// Everything that is wrong with it for a route of `source`.
    pub(crate) fn problems(&self, source: &str) -> Vec<String> {
        let topic = self.topic_for(source);
        let mut problems = Vec::new();
        if *topic == *source {
            problems.push(format!("route {source}: its dead letter topic is itself: its dead letters would come back"));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || topic.len() > MAX_TOPIC_NAME || !topic.chars().all(legal) {
            problems.push(format!("route {source}: dead letter topic {topic:?} is no topic name"));
        }
        problems
    }

    /// The dead letter of `record`.
    pub(crate) fn letter(&self, record: &DeliveryRecord, failure: &FailureHistory, group: &str) -> OutgoingRecord {
        OutgoingRecord {
            topic: self.topic_for(record.topic_partition().topic()),
            key: record.key().cloned(),
            value: record.value().cloned(),
            headers: headers::replaced(record, failure, group, self.max_error_text),
            timestamp: Some(record.timestamp()),
            copied_as: Some(record.codec().into()),
        }
    }

    /// The same dead letter without its error text and in the densest codec: for a record so large that nothing else can
    /// be spared.
    pub(crate) fn smallest(&self, record: &DeliveryRecord, failure: &FailureHistory, group: &str) -> OutgoingRecord {
        let letter = self.clone().max_error_text(0).letter(record, failure, group);
        OutgoingRecord { copied_as: Some(densest(record.codec())), ..letter }
    }
}

/// The densest that this build can write: any reader reads any codec, and one that does not is better off than a
/// partition that stands still.
fn densest(source: Codec) -> Compression {
    let dense = [Compression::zstd(19), Compression::gzip(9)];
    dense.into_iter().find(|dense| dense.check().is_ok()).unwrap_or(source.into())
}

/// What is known about a record's failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailureHistory {
    pub(crate) attempts: u32,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) class: ErrorClass,
    pub(crate) error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_has_a_suffix_unless_it_is_named() {
        assert_eq!(&*DeadLetters::default().topic_for("orders"), "orders-dlq");
        assert_eq!(&*DeadLetters::suffix(".dlq").topic_for("dreamscape.user"), "dreamscape.user.dlq");
        assert_eq!(&*DeadLetters::topic("trouble").topic_for("orders"), "trouble");
    }

    #[test]
    fn an_impossible_topic_is_a_problem() {
        let problems = |letters: DeadLetters, source: &str| letters.problems(source).len();
        assert_eq!(problems(DeadLetters::default(), "orders"), 0);
        assert_eq!(problems(DeadLetters::default(), &"x".repeat(246)), 1, "too long");
        assert_eq!(problems(DeadLetters::topic("orders"), "orders"), 1, "a circle");
        assert_eq!(problems(DeadLetters::topic("no spaces"), "orders"), 1);
        assert_eq!(problems(DeadLetters::topic(""), "orders"), 1);
    }
}
