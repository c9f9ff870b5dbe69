use crate::schema::{Problem, summary};

/// Why bytes are not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not UTF-8, from this byte on.
    #[error("not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// Not JSON, or JSON that we refuse: a key twice in one object, or too deep.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON of another shape than the dialect's or the data's type.
    #[error("not this event: {0}")]
    Shape(String),
    /// The schema's problems, all of them up to [`Schema::MAX_PROBLEMS`](crate::Schema::MAX_PROBLEMS).
    #[error("against the schema: {}", summary(.0))]
    Schema(Vec<Problem>),
}

impl DecodeError {
    /// A short name for headers and metrics: `not-utf8`, `not-json`, `shape` or `schema`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotUtf8(_) => "not-utf8",
            Self::NotJson(_) => "not-json",
            Self::Shape(_) => "shape",
            Self::Schema(_) => "schema",
        }
    }
}

/// Why an event cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The data does not become a JSON object as the dialect needs it.
    #[error("cannot be written: {0}")]
    Shape(String),
    /// The schema's problems.
    #[error("against the schema: {}", summary(.0))]
    Schema(Vec<Problem>),
}
