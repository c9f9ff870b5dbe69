use crate::{Metadata, Object};

/// An event: metadata, data, and the fields beside them that the reader did not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<T> {
    metadata: Metadata,
    data: T,
    unknown: Object,
}

impl<T> Event<T> {
    /// A new event.
    pub fn new(metadata: Metadata, data: T) -> Self {
        Self { metadata, data, unknown: Object::new() }
    }

    pub(crate) fn with_unknown(metadata: Metadata, data: T, unknown: Object) -> Self {
        Self { metadata, data, unknown }
    }

    /// What surrounds the data.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What surrounds the data, to be changed.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The data.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// The data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.data
    }

    /// Top-level fields of a newer version, written again as they were read.
    pub fn unknown(&self) -> &Object {
        &self.unknown
    }

    /// The data alone.
    pub fn into_data(self) -> T {
        self.data
    }

    /// Metadata and data.
    pub fn into_parts(self) -> (Metadata, T) {
        (self.metadata, self.data)
    }

    /// The same event with other data.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Event<U> {
        Event { metadata: self.metadata, data: change(self.data), unknown: self.unknown }
    }
}
