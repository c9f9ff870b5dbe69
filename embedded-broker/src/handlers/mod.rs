//! What the broker does with each request: one file per group of them.

mod api_versions;
mod create_topics;
mod fetch;
mod find_coordinator;
mod list_offsets;
mod metadata;
mod produce;
mod producer_id;

use kafka_protocol::protocol::StrBytes;

pub(crate) use api_versions::unsupported as unsupported_api_versions;

use crate::log::Refusal;

/// An error code as a refusal.
pub(crate) fn refusal(code: i16) -> Refusal {
    Refusal::try_from_code(code).unwrap_or(Refusal::Unknown(code))
}

/// What goes on the wire: 0 or the error's code.
fn code<T>(result: &Result<T, Refusal>) -> i16 {
    result.as_ref().err().map_or(0, Refusal::code)
}

fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}
