//! What ties log lines and traces to the request or record they are about.

mod json;
mod limit;
#[cfg(feature = "otlp")]
pub mod otlp;
mod request;
mod spans;

pub use json::JsonLines;
pub(crate) use limit::Limit;
pub use request::{Requests, traced};
pub use spans::{correlated, publishing};
