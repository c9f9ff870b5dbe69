//! The requests the broker answers, and in which versions.

use std::ops::RangeInclusive;

/// A request the broker answers, under Kafka's name and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "these are Kafka's own names")]
#[non_exhaustive]
#[repr(i16)]
pub enum Api {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    DescribeLogDirs = 35,
    CreatePartitions = 37,
    DeleteGroups = 42,
    IncrementalAlterConfigs = 44,
    OffsetDelete = 47,
    DescribeCluster = 60,
}

/// What is advertised: only versions whose meaning is kept and tested, each of them in `tests/suite/every_version.rs`.
///
/// The maxima leave out the versions that know topics by id only (Produce 13, OffsetCommit 10, OffsetFetch 10) and
/// what one broker in memory has nothing to say about: replicas, tiered storage, transactions, KIP-848.
const SERVED: &[(Api, RangeInclusive<i16>)] = &[
    (Api::Produce, 3..=12),
    (Api::Fetch, 4..=17),
    (Api::ListOffsets, 1..=7),
    (Api::Metadata, 0..=12),
    (Api::OffsetCommit, 2..=9),
    (Api::OffsetFetch, 1..=9),
    (Api::FindCoordinator, 0..=4),
    (Api::JoinGroup, 0..=9),
    (Api::Heartbeat, 0..=4),
    (Api::LeaveGroup, 0..=5),
    (Api::SyncGroup, 0..=5),
    (Api::DescribeGroups, 0..=5),
    (Api::ListGroups, 0..=5),
    (Api::ApiVersions, 0..=4),
    (Api::CreateTopics, 2..=7),
    (Api::DeleteTopics, 1..=6),
    (Api::DeleteRecords, 0..=2),
    (Api::InitProducerId, 0..=4),
    (Api::OffsetForLeaderEpoch, 2..=4),
    (Api::DescribeConfigs, 1..=4),
    (Api::AlterConfigs, 0..=2),
    (Api::DescribeLogDirs, 1..=4),
    (Api::CreatePartitions, 0..=3),
    (Api::DeleteGroups, 0..=2),
    (Api::IncrementalAlterConfigs, 0..=1),
    (Api::OffsetDelete, RangeInclusive::new(0, 0)),
    (Api::DescribeCluster, 0..=1),
];

impl Api {
    /// Kafka's number of it.
    pub fn key(self) -> i16 {
        self as i16
    }

    /// The request with this number, if the broker answers it.
    pub fn from_key(key: i16) -> Option<Self> {
        SERVED.iter().map(|(api, _)| *api).find(|api| api.key() == key)
    }

    /// The versions it is answered in.
    pub fn versions(self) -> RangeInclusive<i16> {
        let row = SERVED.iter().find(|(api, _)| *api == self);
        // An empty range: not answered at all.
        row.map_or(RangeInclusive::new(0, -1), |(_, versions)| versions.clone())
    }

    /// Every request the broker answers, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        SERVED.iter().map(|(api, _)| *api)
    }

    /// Whether an answer may be held back until something happens; a client that leaves meanwhile ends it.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Fetch | Self::JoinGroup | Self::SyncGroup)
    }
}
