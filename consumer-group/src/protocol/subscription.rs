//! What a member tells the leader. Kafka: `ConsumerProtocolSubscription`, KIP-429 and KIP-881.

use bytes::{BufMut, Bytes};

use super::{
    VERSION_MAX,
    reader::{Malformed, Reader, put_list, put_nullable_bytes, put_string, put_topics},
};

/// A member's topics, and what a sticky assignor wants to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topics: Vec<String>,
    pub(crate) user_data: Option<Bytes>,
    /// From version 1.
    pub(crate) owned: Vec<(String, Vec<i32>)>,
    /// The generation in which `owned` was assigned, or -1. From version 2.
    pub(crate) generation: i32,
    /// From version 3.
    pub(crate) rack: Option<String>,
}

impl Subscription {
    pub(crate) fn to(topics: Vec<String>) -> Self {
        Self { topics, user_data: None, owned: Vec::new(), generation: -1, rack: None }
    }

    pub(crate) fn encode(&self) -> Bytes {
        self.encode_version(VERSION_MAX)
    }

    fn encode_version(&self, version: i16) -> Bytes {
        let mut out = Vec::new();
        out.put_i16(version);
        put_list(&mut out, self.topics.iter(), |out, topic| put_string(out, topic));
        put_nullable_bytes(&mut out, self.user_data.as_ref());
        if version >= 1 {
            put_topics(&mut out, &self.owned);
        }
        if version >= 2 {
            out.put_i32(self.generation);
        }
        if version >= 3 {
            match &self.rack {
                Some(rack) => put_string(&mut out, rack),
                None => out.put_i16(-1),
            }
        }
        out.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader(bytes);
        let version = r.i16()?;
        Ok(Self {
            topics: r.list(2, Reader::string)?,
            user_data: r.nullable_bytes()?,
            owned: if version >= 1 { r.topics()? } else { Vec::new() },
            generation: if version >= 2 { r.i32()? } else { -1 },
            rack: if version >= 3 { r.nullable_string()? } else { None },
        })
    }
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::protocol::{
        kafka_protocol::protocol::{Encodable, StrBytes},
        messages::{ConsumerProtocolSubscription, TopicName, consumer_protocol_subscription::TopicPartition},
    };
    use proptest::prelude::*;

    use super::*;

    fn any_subscription() -> impl Strategy<Value = Subscription> {
        let topics = prop::collection::vec("[a-zé.]{0,9}", 0..5);
        let user_data = prop::option::of(prop::collection::vec(any::<u8>(), 0..9).prop_map(Bytes::from));
        let owned = prop::collection::vec(("[a-z]{0,5}", prop::collection::vec(any::<i32>(), 0..4)), 0..4);
        (topics, user_data, owned, any::<i32>(), prop::option::of("[a-z]{0,5}")).prop_map(
            |(topics, user_data, owned, generation, rack)| Subscription { topics, user_data, owned, generation, rack },
        )
    }

    /// The same by the generated code, as an independent witness.
    fn generated(subscription: &Subscription, version: i16) -> Vec<u8> {
        let owned = |(topic, partitions): &(String, Vec<i32>)| {
            let topic = TopicName(StrBytes::from_string(topic.clone()));
            TopicPartition::default().with_topic(topic).with_partitions(partitions.clone())
        };
        let mut message = ConsumerProtocolSubscription::default()
            .with_topics(subscription.topics.iter().cloned().map(StrBytes::from_string).collect())
            .with_user_data(subscription.user_data.clone());
        if version >= 1 {
            message = message.with_owned_partitions(subscription.owned.iter().map(owned).collect());
        }
        if version >= 2 {
            message = message.with_generation_id(subscription.generation);
        }
        if version >= 3 {
            message = message.with_rack_id(subscription.rack.clone().map(StrBytes::from_string));
        }
        let mut out = Vec::from(version.to_be_bytes());
        message.encode(&mut out, version).expect("it encodes");
        out
    }

    proptest! {
        #[test]
        fn every_version_is_written_as_kafka_does_and_read_back(s in any_subscription(), version in 0_i16..=3) {
            let bytes = s.encode_version(version);
            prop_assert_eq!(&bytes[..], &generated(&s, version)[..]);
            let read = Subscription::decode(&bytes).expect("it decodes");
            let expected = Subscription {
                owned: if version >= 1 { s.owned } else { Vec::new() },
                generation: if version >= 2 { s.generation } else { -1 },
                rack: if version >= 3 { s.rack } else { None },
                ..s
            };
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn a_later_version_is_read_as_the_last_known(s in any_subscription(), more in prop::collection::vec(any::<u8>(), 0..9)) {
            let mut bytes = s.encode().to_vec();
            bytes.splice(..2, 7_i16.to_be_bytes());
            bytes.extend(more);
            prop_assert_eq!(Subscription::decode(&bytes), Ok(s));
        }

        #[test]
        fn cut_bytes_are_an_error(s in any_subscription(), at in any::<prop::sample::Index>()) {
            let bytes = s.encode();
            prop_assert!(Subscription::decode(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Subscription::decode(&bytes);
        }
    }

    #[test]
    fn a_count_that_lies_allocates_nothing() {
        let bytes = [&[0, 1][..], &i32::MAX.to_be_bytes(), &[0, 0]].concat();
        assert_eq!(
            Subscription::decode(&bytes).map_err(|m| m.to_string()),
            Err("an array claims more than there is".to_owned())
        );
    }
}
