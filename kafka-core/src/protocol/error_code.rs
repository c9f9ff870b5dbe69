//! Kafka's error codes and what helps against each.

use std::fmt;

use crate::error::Recovery;

/// An error code of the Kafka protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// What may help against it.
    pub fn recovery(self) -> Recovery {
        Recovery::Fatal
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
