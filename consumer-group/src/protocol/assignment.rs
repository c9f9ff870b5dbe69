//! What the leader tells a member. Kafka: `ConsumerProtocolAssignment`.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{BufMut, Bytes};
use ottla_kafka_core::TopicPartition;

use super::reader::{Malformed, Reader, put_nullable_bytes, put_topics};

/// A member's partitions, by topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) topics: Vec<(String, Vec<i32>)>,
    pub(crate) user_data: Option<Bytes>,
}

impl Assignment {
    pub(crate) fn of(partitions: &[TopicPartition]) -> Self {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for tp in partitions {
            topics.entry(tp.topic()).or_default().push(tp.partition());
        }
        let topics = topics.into_iter().map(|(topic, partitions)| (topic.to_owned(), partitions)).collect();
        Self { topics, user_data: None }
    }

    /// The partitions, each once, in order.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        let mut all = Vec::new();
        for (topic, partitions) in &self.topics {
            let topic: Arc<str> = topic.as_str().into();
            all.extend(partitions.iter().map(|partition| TopicPartition::new(Arc::clone(&topic), *partition)));
        }
        all.sort();
        all.dedup();
        all
    }

    /// Writes version 1: members of any age read it, and versions 2 and 3 add nothing to it.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        out.put_i16(1);
        put_topics(&mut out, &self.topics);
        put_nullable_bytes(&mut out, self.user_data.as_ref());
        out.into()
    }

    /// Reads any version. No bytes at all are no partitions: the leader forgot this member.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut r = Reader(bytes);
        r.i16()?;
        Ok(Self { topics: r.topics()?, user_data: r.nullable_bytes()? })
    }
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::protocol::{
        kafka_protocol::protocol::{Encodable, StrBytes},
        messages::{ConsumerProtocolAssignment, TopicName, consumer_protocol_assignment},
    };
    use proptest::prelude::*;

    use super::*;

    fn any_assignment() -> impl Strategy<Value = Assignment> {
        let topics = prop::collection::vec(("[a-z]{0,9}", prop::collection::vec(any::<i32>(), 0..5)), 0..5);
        let user_data = prop::option::of(prop::collection::vec(any::<u8>(), 0..9).prop_map(Bytes::from));
        (topics, user_data).prop_map(|(topics, user_data)| Assignment { topics, user_data })
    }

    fn generated(assignment: &Assignment, version: i16) -> Vec<u8> {
        let topic = |(topic, partitions): &(String, Vec<i32>)| {
            consumer_protocol_assignment::TopicPartition::default()
                .with_topic(TopicName(StrBytes::from_string(topic.clone())))
                .with_partitions(partitions.clone())
        };
        let mut out = Vec::from(version.to_be_bytes());
        ConsumerProtocolAssignment::default()
            .with_assigned_partitions(assignment.topics.iter().map(topic).collect())
            .with_user_data(assignment.user_data.clone())
            .encode(&mut out, version)
            .expect("it encodes");
        out
    }

    proptest! {
        #[test]
        fn every_version_of_kafka_is_read_and_ours_is_kafkas(a in any_assignment(), version in 0_i16..=3) {
            prop_assert_eq!(Assignment::decode(&generated(&a, version)), Ok(a.clone()));
            prop_assert_eq!(&a.encode()[..], &generated(&a, 1)[..]);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Assignment::decode(&bytes);
        }

        #[test]
        fn cut_bytes_are_an_error(a in any_assignment(), at in any::<prop::sample::Index>()) {
            let bytes = a.encode();
            let cut = at.index(bytes.len()).max(1);
            prop_assert!(Assignment::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn no_bytes_are_no_partitions() {
        assert_eq!(Assignment::decode(&[]).map(|a| a.partitions()), Ok(Vec::new()));
    }

    #[test]
    fn partitions_come_back_sorted_and_once() {
        let tp = TopicPartition::new;
        let assignment = Assignment::of(&[tp("b", 1), tp("a", 2), tp("b", 0), tp("b", 1)]);
        assert_eq!(assignment.partitions(), [tp("a", 2), tp("b", 0), tp("b", 1)]);
    }
}
