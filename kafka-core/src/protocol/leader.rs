//! What Produce and Fetch answers tell of a partition's new leader ([KIP-951]).
//!
//! [KIP-951]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-951

use super::{CodecError, primitives::Reader};

/// Who leads a partition now, beside an error that says it is somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// The leader's broker id.
    pub id: i32,
    /// The leader's epoch.
    pub epoch: i32,
}

impl LeaderHint {
    /// `None` if the broker does not know.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, CodecError> {
        let (id, epoch) = (reader.i32()?, reader.i32()?);
        reader.skip_tags()?;
        Ok((id >= 0).then_some(Self { id, epoch }))
    }
}

/// Where a broker that leads is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker's id.
    pub id: i32,
    /// The broker's host.
    pub host: String,
    /// The broker's port.
    pub port: i32,
    /// The broker's rack.
    pub rack: Option<String>,
}

impl NodeEndpoint {
    pub(super) fn read_all(reader: &mut Reader<'_>) -> Result<Vec<Self>, CodecError> {
        const LEAST: usize = 11;
        reader.elements(LEAST, |reader| {
            let node = Self {
                id: reader.i32()?,
                host: reader.string()?,
                port: reader.i32()?,
                rack: reader.nullable_string()?,
            };
            reader.skip_tags()?;
            Ok(node)
        })
    }
}
