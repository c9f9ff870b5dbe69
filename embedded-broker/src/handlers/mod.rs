//! What the broker does with each request: one file per group of them.

mod alter_configs;
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
mod leader_epochs;
mod leader_hints;
mod list_offsets;
mod log_dirs;
mod membership;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod produce;
mod producer_id;

use std::cmp::Ordering;

use kafka_protocol::protocol::StrBytes;

pub(crate) use api_versions::unsupported as unsupported_api_versions;

use crate::log::{PartitionLog, Refusal};

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

/// Whether a client's idea of the leader's epoch is the right one (KIP-320); -1 is no idea.
fn check_leader_epoch(log: &PartitionLog, current: i32) -> Result<(), Refusal> {
    match current.cmp(&log.leader_epoch()) {
        _ if current == -1 => Ok(()),
        Ordering::Less => Err(Refusal::FencedLeaderEpoch),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Refusal::UnknownLeaderEpoch),
    }
}
