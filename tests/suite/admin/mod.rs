//! Administrative requests mean the same on every broker.

mod faults;
mod groups;
mod modern_groups;
mod offsets;
mod settings;
mod topics;

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use ottla_kafka_core::{Error, ErrorCode};

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    faults::tests(suite);
    groups::tests(suite);
    modern_groups::tests(suite);
    offsets::tests(suite);
    settings::tests(suite);
    topics::tests(suite);
}

/// The only result of a call about one thing.
fn only<K: Ord, V>(mut results: BTreeMap<K, Result<V, Error>>) -> Result<Result<V, Error>, Failed> {
    match (results.pop_first(), results.len()) {
        (Some((_, result)), 0) => Ok(result),
        (_, more) => Err(format!("one result is expected, and {more} more came").into()),
    }
}

/// The error code of a result.
fn code<V>(result: Result<V, Error>) -> Option<ErrorCode> {
    result.err().and_then(|error| error.code())
}
