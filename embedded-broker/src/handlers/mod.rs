//! What the broker does with each request: one file per group of them.

mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod fetch;
mod find_coordinator;
mod groups;
mod list_offsets;
mod membership;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod produce;
mod producer_id;

use kafka_protocol::protocol::StrBytes;

pub(crate) use api_versions::unsupported as unsupported_api_versions;

use crate::{log::Refusal, topics::Setting};

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

/// Kafka's number of where a setting comes from: set on the topic, or a default.
fn source_of(setting: &Setting) -> i8 {
    if setting.given { 1 } else { 5 }
}
