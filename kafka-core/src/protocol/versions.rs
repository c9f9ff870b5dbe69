//! The one table of the requests our client sends: names, versions, effects.

use std::ops::RangeInclusive;

/// A request the client sends.
struct Row {
    key: i16,
    /// Kafka's name.
    name: &'static str,
    /// The versions we offer; a broker's range narrows them.
    versions: RangeInclusive<i16>,
    /// Whether it changes anything in the cluster, so that a lost answer leaves its effect unknown.
    effect: bool,
}

const fn reads(key: i16, name: &'static str, versions: RangeInclusive<i16>) -> Row {
    Row { key, name, versions, effect: false }
}

const fn changes(key: i16, name: &'static str, versions: RangeInclusive<i16>) -> Row {
    Row { key, name, versions, effect: true }
}

/// Sorted by key. The maximum is the newest version we use, not the newest we could decode: Produce 13, OffsetCommit
/// 10 and OffsetFetch 10 name topics by id only (KIP-848, KIP-516), Fetch 18 and Metadata 13 offer a client nothing.
const ROWS: &[Row] = &[
    changes(0, "Produce", 3..=12),
    reads(1, "Fetch", 4..=17),
    reads(2, "ListOffsets", 1..=10),
    reads(3, "Metadata", 4..=12),
    changes(8, "OffsetCommit", 2..=9),
    reads(9, "OffsetFetch", 1..=9),
    reads(10, "FindCoordinator", 0..=6),
    changes(11, "JoinGroup", 2..=9),
    // It keeps a session alive, but sending it again does no harm: an unknown outcome is none.
    reads(12, "Heartbeat", 0..=4),
    changes(13, "LeaveGroup", 0..=5),
    changes(14, "SyncGroup", 0..=5),
    reads(15, "DescribeGroups", 0..=6),
    reads(16, "ListGroups", 0..=5),
    reads(17, "SaslHandshake", 0..=1),
    reads(18, "ApiVersions", 0..=4),
    changes(19, "CreateTopics", 2..=7),
    changes(20, "DeleteTopics", 1..=6),
    changes(21, "DeleteRecords", 0..=2),
    changes(22, "InitProducerId", 0..=5),
    reads(23, "OffsetForLeaderEpoch", 2..=4),
    reads(32, "DescribeConfigs", 1..=4),
    reads(35, "DescribeLogDirs", 1..=4),
    reads(36, "SaslAuthenticate", 0..=2),
    changes(37, "CreatePartitions", 0..=3),
    changes(42, "DeleteGroups", 0..=2),
    changes(44, "IncrementalAlterConfigs", 0..=1),
    changes(47, "OffsetDelete", 0..=0),
    reads(60, "DescribeCluster", 0..=2),
    changes(68, "ConsumerGroupHeartbeat", 0..=1),
    reads(69, "ConsumerGroupDescribe", 0..=1),
    reads(75, "DescribeTopicPartitions", 0..=0),
];

fn row(key: i16) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.key == key)
}

/// Kafka's name of the request with this key, "Unknown" if the client sends no such request.
pub fn api_name(key: i16) -> &'static str {
    row(key).map_or("Unknown", |row| row.name)
}

/// Whether the request changes anything in the cluster; without an answer, its effect is then unknown.
pub fn has_effect(key: i16) -> bool {
    row(key).is_none_or(|row| row.effect)
}

/// The versions our client offers of the request with this key.
pub fn spoken(key: i16) -> Option<RangeInclusive<i16>> {
    row(key).map(|row| row.versions.clone())
}

#[cfg(test)]
pub(crate) fn keys() -> impl Iterator<Item = i16> {
    ROWS.iter().map(|row| row.key)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiKey;

    use super::*;

    #[test]
    fn every_row_has_kafkas_name_and_versions_that_can_be_encoded() {
        for row in ROWS {
            let key = ApiKey::try_from(row.key).expect("a key of kafka-protocol");
            assert_eq!(format!("{key:?}"), row.name);
            let valid = key.valid_versions();
            assert!(valid.min <= *row.versions.start() && *row.versions.end() <= valid.max, "{}", row.name);
        }
        assert!(ROWS.is_sorted_by(|a, b| a.key < b.key));
    }

    #[test]
    fn an_unknown_request_is_taken_for_one_with_an_effect() {
        assert!(has_effect(999));
        assert_eq!((api_name(999), spoken(999)), ("Unknown", None));
        assert!(!has_effect(3));
    }
}
