//! The bytes on the wire. Not a stable interface: it is public for the sibling crates.

mod error_code;

pub use error_code::ErrorCode;
pub use kafka_protocol::{self, messages};
