//! Where the parts of an event stand in a record's JSON, one module a dialect.

mod ecst;

use std::fmt;

use serde_json::value::RawValue;

use crate::{DecodeError, EncodeError, Metadata, Object};

pub use ecst::Ecst;

/// How the parts of an event become one JSON object, and back.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// Finds the parts in a record of `topic`. Leniently: what is missing and has a default is
    /// [assumed](Metadata::assumed).
    ///
    /// # Errors
    /// [`DecodeError::Shape`] for an object of another dialect.
    fn split(&self, topic: &str, object: Object) -> Result<Parts, DecodeError>;

    /// Writes the parts.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] if the payload stands elsewhere in this dialect.
    fn join(&self, parts: Parts) -> Result<Object, EncodeError>;

    /// Whether the data's fields stand at the top level, among the envelope's own.
    fn is_inline(&self) -> bool;
}

/// The parts of an event in JSON.
#[derive(Debug)]
pub struct Parts {
    /// What surrounds the data.
    pub metadata: Metadata,
    /// The data.
    pub payload: Payload,
    /// Top-level fields that belong to neither. Where the data is inline, its type decides later.
    pub unknown: Object,
}

/// Data as JSON.
#[derive(Debug)]
pub enum Payload {
    /// Fields at the top level.
    Inline(Object),
    /// A value in a field of its own.
    Nested(Box<RawValue>),
}
