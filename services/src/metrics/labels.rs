//! The label sets. Their values are topics, groups, partitions, routes and words of ours: none of them comes from a
//! request or a record, so their number is bounded.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Topic {
    pub(super) topic: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Group {
    pub(super) group: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Outcome {
    pub(super) topic: String,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct GroupPartition {
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) partition: i32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) partition: i32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Failure {
    pub(super) topic: String,
    pub(super) class: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Settled {
    pub(super) topic: String,
    pub(super) settlement: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Broker {
    pub(super) broker: i32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Operation {
    pub(super) operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct StoreFailure {
    pub(super) operation: &'static str,
    pub(super) error: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Build {
    pub(super) version: &'static str,
    pub(super) target: &'static str,
}

impl Topic {
    pub(super) fn of(topic: &str) -> Self {
        Self { topic: topic.to_owned() }
    }
}
