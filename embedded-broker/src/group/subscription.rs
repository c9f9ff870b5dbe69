//! Which topics members subscribe to, read from their metadata under the "consumer" protocol
//! (`ConsumerProtocolSubscription`): the only use a broker has for it is to guard offsets.

use bytes::{Buf, Bytes};

use super::{Group, State};

/// Kafka's name of the protocol type whose metadata can be read.
const CONSUMER: &str = "consumer";

impl Group {
    /// Whether offsets may be deleted at all: not below members whose use of them is unknown.
    pub(crate) fn may_lose_offsets(&self) -> bool {
        self.is_empty() || self.protocol_type() == CONSUMER
    }

    /// Whether some member reads a topic; a subscription that cannot be read could be to anything.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        if self.state == State::Empty {
            return false;
        }
        let mut subscriptions = self.members.values().flat_map(|member| &member.protocols);
        subscriptions
            .any(|(_, metadata)| topics(metadata.clone()).is_none_or(|topics| topics.iter().any(|name| name == topic)))
    }
}

/// The topics of a subscription, `None` if it is none.
fn topics(mut metadata: Bytes) -> Option<Vec<Bytes>> {
    let _version = metadata.try_get_i16().ok()?;
    let count = metadata.try_get_i32().ok()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(metadata.try_get_i16().ok()?).ok()?;
        if metadata.remaining() < length {
            return None;
        }
        topics.push(metadata.split_to(length));
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_read_or_refused() {
        let check = |bytes: &'static [u8], expected: Option<&[&str]>| {
            let read = topics(Bytes::from_static(bytes));
            let expected = expected.map(|topics| topics.iter().map(|topic| Bytes::from((*topic).to_owned())).collect());
            assert_eq!(read, expected, "{bytes:?}");
        };
        check(b"\0\x03\0\0\0\x02\0\x01a\0\x02bcrest", Some(&["a", "bc"]));
        check(b"\0\0\0\0\0\0", Some(&[]));
        check(b"", None);
        check(b"\0\0\x7f\xff\xff\xff\0\x01a", None);
        check(b"\0\0\0\0\0\x01\xff\xffa", None);
        check(b"\0\0\0\0\0\x01\0\x05a", None);
    }
}
