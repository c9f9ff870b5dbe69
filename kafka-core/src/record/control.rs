//! Control batches: what brokers write between records.

/// What a control batch says.
///
/// [KIP-98](https://cwiki.apache.org/confluence/display/KAFKA/KIP-98): a transaction ends with one marker per partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// The producer's transaction was aborted: its records do not count.
    Abort,
    /// The producer's transaction was committed.
    Commit,
    /// Something between brokers, or a marker that compaction has emptied.
    Other,
}

impl ControlKind {
    /// What the key of a control record says: a version and a type, int16 each.
    pub(super) fn from_key(key: Option<&[u8]>) -> Self {
        match key.and_then(|key| key.get(2..4)) {
            Some([0, 0]) => Self::Abort,
            Some([0, 1]) => Self::Commit,
            _ => Self::Other,
        }
    }
}
