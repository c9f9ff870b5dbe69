//! A change that outlives the process, and its bytes.

use bytes::{Buf, BufMut, Bytes};
use uuid::Uuid;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A topic as it is from now on.
    Topic {
        name: String,
        id: Uuid,
        replicas: Vec<Vec<i32>>,
        config: Vec<(String, String)>,
    },
    TopicDeleted {
        name: String,
    },
    /// Where a partition's log starts, and its leader's epoch.
    Partition {
        topic: String,
        partition: i32,
        start: i64,
        epoch: i32,
    },
    Offset {
        group: String,
        topic: String,
        partition: i32,
        offset: i64,
        epoch: i32,
        metadata: String,
    },
    OffsetDeleted {
        group: String,
        topic: String,
        partition: i32,
    },
    GroupDeleted {
        group: String,
    },
    /// Producer ids up to this one may be in use.
    ProducerIds {
        below: i64,
    },
}

impl Event {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Topic { name, id, replicas, config } => {
                out.put_u8(1);
                put_text(&mut out, name);
                out.put_u128(id.as_u128());
                put_count(&mut out, replicas.len());
                for nodes in replicas {
                    put_count(&mut out, nodes.len());
                    nodes.iter().for_each(|node| out.put_i32(*node));
                }
                put_count(&mut out, config.len());
                for (name, value) in config {
                    put_text(&mut out, name);
                    put_text(&mut out, value);
                }
            }
            Self::TopicDeleted { name } => {
                out.put_u8(2);
                put_text(&mut out, name);
            }
            Self::Partition { topic, partition, start, epoch } => {
                out.put_u8(3);
                put_text(&mut out, topic);
                out.put_i32(*partition);
                out.put_i64(*start);
                out.put_i32(*epoch);
            }
            Self::Offset { group, topic, partition, offset, epoch, metadata } => {
                out.put_u8(4);
                put_text(&mut out, group);
                put_text(&mut out, topic);
                out.put_i32(*partition);
                out.put_i64(*offset);
                out.put_i32(*epoch);
                put_text(&mut out, metadata);
            }
            Self::OffsetDeleted { group, topic, partition } => {
                out.put_u8(5);
                put_text(&mut out, group);
                put_text(&mut out, topic);
                out.put_i32(*partition);
            }
            Self::GroupDeleted { group } => {
                out.put_u8(6);
                put_text(&mut out, group);
            }
            Self::ProducerIds { below } => {
                out.put_u8(7);
                out.put_i64(*below);
            }
        }
        out
    }

    /// `None` for bytes that no version of this broker has written.
    pub(super) fn decode(mut bytes: Bytes) -> Option<Self> {
        let bytes = &mut bytes;
        let event = match bytes.try_get_u8().ok()? {
            1 => Self::Topic {
                name: text(bytes)?,
                id: Uuid::from_u128(bytes.try_get_u128().ok()?),
                replicas: list(bytes, |bytes| list(bytes, |bytes| bytes.try_get_i32().ok()))?,
                config: list(bytes, |bytes| Some((text(bytes)?, text(bytes)?)))?,
            },
            2 => Self::TopicDeleted { name: text(bytes)? },
            3 => Self::Partition {
                topic: text(bytes)?,
                partition: bytes.try_get_i32().ok()?,
                start: bytes.try_get_i64().ok()?,
                epoch: bytes.try_get_i32().ok()?,
            },
            4 => Self::Offset {
                group: text(bytes)?,
                topic: text(bytes)?,
                partition: bytes.try_get_i32().ok()?,
                offset: bytes.try_get_i64().ok()?,
                epoch: bytes.try_get_i32().ok()?,
                metadata: text(bytes)?,
            },
            5 => Self::OffsetDeleted { group: text(bytes)?, topic: text(bytes)?, partition: bytes.try_get_i32().ok()? },
            6 => Self::GroupDeleted { group: text(bytes)? },
            7 => Self::ProducerIds { below: bytes.try_get_i64().ok()? },
            _ => return None,
        };
        bytes.is_empty().then_some(event)
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32(u32::try_from(count).unwrap_or(u32::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.put_slice(text.as_bytes());
}

fn text(bytes: &mut Bytes) -> Option<String> {
    let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
    if bytes.remaining() < length {
        return None;
    }
    String::from_utf8(bytes.split_to(length).to_vec()).ok()
}

fn list<T>(bytes: &mut Bytes, read: impl Fn(&mut Bytes) -> Option<T>) -> Option<Vec<T>> {
    let count = bytes.try_get_u32().ok()?;
    (0..count).map(|_| read(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_back_and_no_part_of_one_does() {
        let text = || "a\nb".to_owned();
        let (partition, offset, epoch) = (3, 1 << 40, 7);
        for event in [
            Event::Topic {
                name: text(),
                id: Uuid::from_u128(5),
                replicas: vec![vec![1, 2], vec![]],
                config: vec![(text(), String::new())],
            },
            Event::TopicDeleted { name: text() },
            Event::Partition { topic: text(), partition, start: offset, epoch },
            Event::Offset { group: text(), topic: text(), partition, offset, epoch, metadata: text() },
            Event::OffsetDeleted { group: text(), topic: text(), partition },
            Event::GroupDeleted { group: text() },
            Event::ProducerIds { below: 9 },
        ] {
            let bytes = event.encode();
            assert_eq!(Event::decode(bytes.clone().into()), Some(event));
            for end in 0..bytes.len() {
                assert_eq!(Event::decode(Bytes::copy_from_slice(&bytes[..end])), None, "{end} of {bytes:?}");
            }
        }
    }
}
