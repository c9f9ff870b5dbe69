use bytes::Bytes;

/// What a row must be for a unit of work to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything, or missing.
    Any,
    /// Missing.
    Absent,
    /// There, in this version.
    Version(u64),
}

impl Expected {
    /// Whether a row in `version` (`None`: missing) is as expected.
    pub fn holds(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => version.is_none(),
            Self::Version(expected) => version == Some(expected),
        }
    }
}

/// One part of a unit of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Changes nothing, but holds the unit to what was read.
    Expect {
        /// The row's table.
        table: String,
        /// The row's key.
        key: Bytes,
        /// What it must be.
        expected: Expected,
    },
    /// Writes a row.
    Put {
        /// The row's table.
        table: String,
        /// The row's key.
        key: Bytes,
        /// What it must be before.
        expected: Expected,
        /// What it is after.
        value: Bytes,
    },
    /// Removes a row; a missing one stays missing.
    Delete {
        /// The row's table.
        table: String,
        /// The row's key.
        key: Bytes,
        /// What it must be before.
        expected: Expected,
    },
    /// Appends to a stream.
    Append {
        /// The stream.
        stream: String,
        /// The new entry.
        value: Bytes,
    },
}

impl Op {
    /// The row this part expects something of.
    pub(crate) fn expectation(&self) -> Option<(&str, &Bytes, Expected)> {
        match self {
            Self::Expect { table, key, expected }
            | Self::Put { table, key, expected, .. }
            | Self::Delete { table, key, expected } => Some((table, key, *expected)),
            Self::Append { .. } => None,
        }
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Expect { table, key, .. } | Self::Delete { table, key, .. } => table.len() + key.len(),
            Self::Put { table, key, value, .. } => table.len() + key.len() + value.len(),
            Self::Append { stream, value } => stream.len() + value.len(),
        }
    }
}

/// A unit of work: its parts are applied in their order, all or none.
///
/// Expectations are about the rows *before* the unit: all are checked before anything is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    ops: Vec<Op>,
}

impl Unit {
    /// A unit that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects a row to be as it was read.
    #[must_use]
    pub fn expect(self, table: impl Into<String>, key: impl Into<Bytes>, expected: Expected) -> Self {
        self.with(Op::Expect { table: table.into(), key: key.into(), expected })
    }

    /// Writes a row if it is as expected.
    #[must_use]
    pub fn put_if(
        self,
        table: impl Into<String>,
        key: impl Into<Bytes>,
        expected: Expected,
        value: impl Into<Bytes>,
    ) -> Self {
        self.with(Op::Put { table: table.into(), key: key.into(), expected, value: value.into() })
    }

    /// Writes a row whatever it is.
    #[must_use]
    pub fn put(self, table: impl Into<String>, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        self.put_if(table, key, Expected::Any, value)
    }

    /// Removes a row if it is as expected.
    #[must_use]
    pub fn delete(self, table: impl Into<String>, key: impl Into<Bytes>, expected: Expected) -> Self {
        self.with(Op::Delete { table: table.into(), key: key.into(), expected })
    }

    /// Appends to a stream.
    #[must_use]
    pub fn append(self, stream: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.with(Op::Append { stream: stream.into(), value: value.into() })
    }

    /// Adds a part.
    #[must_use]
    pub fn with(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// Its parts.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Whether applying it would change nothing and check nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn push(&mut self, op: Op) {
        self.ops.push(op);
    }
}
