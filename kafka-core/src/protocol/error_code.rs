//! Kafka's error codes and what helps against each.

use std::fmt;

use crate::error::Recovery;

/// An error code of the Kafka protocol; every code that Kafka 4.3 knows has a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// Whether it says that nothing went wrong.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether it says that a topic is not there (yet), or that there is another one of its name.
    pub fn is_about_a_missing_topic(self) -> bool {
        [Self::UNKNOWN_TOPIC_OR_PARTITION, Self::UNKNOWN_TOPIC_ID, Self::INCONSISTENT_TOPIC_ID].contains(&self)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "UNKNOWN({})", self.0),
        }
    }
}

/// Makes constants, names and recoveries out of one table: code, Kafka's name, [`Recovery`].
macro_rules! error_codes {
    ($($code:literal $name:ident $recovery:ident;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("Kafka's `", stringify!($name), "`.")]
                pub const $name: Self = Self($code);
            )*

            /// Every code of the table.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];

            /// Kafka's name, if Kafka 4.3 knows this code.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What may help against it. A code from the future is [`Recovery::Fatal`].
            pub fn recovery(self) -> Recovery {
                match self {
                    $(Self::$name => Recovery::$recovery,)*
                    _ => Recovery::Fatal,
                }
            }
        }
    };
}

// https://kafka.apache.org/protocol, "Error Codes". The recovery is that of Java's exception class (golden/errors.txt),
// and more precise where an exception is not retriable as it is: rejoin, reset, or a new epoch first.
error_codes! {
    -1 UNKNOWN_SERVER_ERROR Fatal;
    0 NONE Fatal;
    1 OFFSET_OUT_OF_RANGE ResetOffset;
    2 CORRUPT_MESSAGE Retry;
    3 UNKNOWN_TOPIC_OR_PARTITION RefreshMetadata;
    4 INVALID_FETCH_SIZE Fatal;
    5 LEADER_NOT_AVAILABLE RefreshMetadata;
    6 NOT_LEADER_OR_FOLLOWER RefreshMetadata;
    7 REQUEST_TIMED_OUT Retry;
    8 BROKER_NOT_AVAILABLE Fatal;
    9 REPLICA_NOT_AVAILABLE RefreshMetadata;
    10 MESSAGE_TOO_LARGE Fatal;
    11 STALE_CONTROLLER_EPOCH Fatal;
    12 OFFSET_METADATA_TOO_LARGE Fatal;
    13 NETWORK_EXCEPTION RefreshMetadata;
    14 COORDINATOR_LOAD_IN_PROGRESS Retry;
    15 COORDINATOR_NOT_AVAILABLE FindCoordinator;
    16 NOT_COORDINATOR FindCoordinator;
    17 INVALID_TOPIC_EXCEPTION Fatal;
    18 RECORD_LIST_TOO_LARGE Fatal;
    19 NOT_ENOUGH_REPLICAS Retry;
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND Retry;
    21 INVALID_REQUIRED_ACKS Fatal;
    22 ILLEGAL_GENERATION Rejoin;
    23 INCONSISTENT_GROUP_PROTOCOL Fatal;
    24 INVALID_GROUP_ID Fatal;
    25 UNKNOWN_MEMBER_ID Rejoin;
    26 INVALID_SESSION_TIMEOUT Fatal;
    27 REBALANCE_IN_PROGRESS Rejoin;
    28 INVALID_COMMIT_OFFSET_SIZE Fatal;
    29 TOPIC_AUTHORIZATION_FAILED Fatal;
    30 GROUP_AUTHORIZATION_FAILED Fatal;
    31 CLUSTER_AUTHORIZATION_FAILED Fatal;
    32 INVALID_TIMESTAMP Fatal;
    33 UNSUPPORTED_SASL_MECHANISM Fatal;
    34 ILLEGAL_SASL_STATE Fatal;
    35 UNSUPPORTED_VERSION Fatal;
    36 TOPIC_ALREADY_EXISTS Fatal;
    37 INVALID_PARTITIONS Fatal;
    38 INVALID_REPLICATION_FACTOR Fatal;
    39 INVALID_REPLICA_ASSIGNMENT Fatal;
    40 INVALID_CONFIG Fatal;
    41 NOT_CONTROLLER RefreshMetadata;
    42 INVALID_REQUEST Fatal;
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT Fatal;
    44 POLICY_VIOLATION Fatal;
    45 OUT_OF_ORDER_SEQUENCE_NUMBER NewEpoch;
    46 DUPLICATE_SEQUENCE_NUMBER Fatal;
    47 INVALID_PRODUCER_EPOCH NewEpoch;
    48 INVALID_TXN_STATE Fatal;
    49 INVALID_PRODUCER_ID_MAPPING NewEpoch;
    50 INVALID_TRANSACTION_TIMEOUT Fatal;
    51 CONCURRENT_TRANSACTIONS Retry;
    52 TRANSACTION_COORDINATOR_FENCED Fatal;
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED Fatal;
    54 SECURITY_DISABLED Fatal;
    55 OPERATION_NOT_ATTEMPTED Fatal;
    56 KAFKA_STORAGE_ERROR RefreshMetadata;
    57 LOG_DIR_NOT_FOUND Fatal;
    58 SASL_AUTHENTICATION_FAILED Fatal;
    59 UNKNOWN_PRODUCER_ID NewEpoch;
    60 REASSIGNMENT_IN_PROGRESS Fatal;
    61 DELEGATION_TOKEN_AUTH_DISABLED Fatal;
    62 DELEGATION_TOKEN_NOT_FOUND Fatal;
    63 DELEGATION_TOKEN_OWNER_MISMATCH Fatal;
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED Fatal;
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED Fatal;
    66 DELEGATION_TOKEN_EXPIRED Fatal;
    67 INVALID_PRINCIPAL_TYPE Fatal;
    68 NON_EMPTY_GROUP Fatal;
    69 GROUP_ID_NOT_FOUND Fatal;
    70 FETCH_SESSION_ID_NOT_FOUND Retry;
    71 INVALID_FETCH_SESSION_EPOCH Retry;
    72 LISTENER_NOT_FOUND RefreshMetadata;
    73 TOPIC_DELETION_DISABLED Fatal;
    74 FENCED_LEADER_EPOCH RefreshMetadata;
    75 UNKNOWN_LEADER_EPOCH Retry;
    76 UNSUPPORTED_COMPRESSION_TYPE Fatal;
    77 STALE_BROKER_EPOCH Fatal;
    78 OFFSET_NOT_AVAILABLE Retry;
    79 MEMBER_ID_REQUIRED Rejoin;
    80 PREFERRED_LEADER_NOT_AVAILABLE RefreshMetadata;
    81 GROUP_MAX_SIZE_REACHED Fatal;
    82 FENCED_INSTANCE_ID Fatal;
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE RefreshMetadata;
    84 ELECTION_NOT_NEEDED RefreshMetadata;
    85 NO_REASSIGNMENT_IN_PROGRESS Fatal;
    86 GROUP_SUBSCRIBED_TO_TOPIC Fatal;
    87 INVALID_RECORD Fatal;
    88 UNSTABLE_OFFSET_COMMIT Retry;
    89 THROTTLING_QUOTA_EXCEEDED Retry;
    90 PRODUCER_FENCED Fatal;
    91 RESOURCE_NOT_FOUND Fatal;
    92 DUPLICATE_RESOURCE Fatal;
    93 UNACCEPTABLE_CREDENTIAL Fatal;
    94 INCONSISTENT_VOTER_SET Fatal;
    95 INVALID_UPDATE_VERSION Fatal;
    96 FEATURE_UPDATE_FAILED Fatal;
    97 PRINCIPAL_DESERIALIZATION_FAILURE Fatal;
    98 SNAPSHOT_NOT_FOUND Fatal;
    99 POSITION_OUT_OF_RANGE Fatal;
    100 UNKNOWN_TOPIC_ID RefreshMetadata;
    101 DUPLICATE_BROKER_REGISTRATION Fatal;
    102 BROKER_ID_NOT_REGISTERED Fatal;
    103 INCONSISTENT_TOPIC_ID RefreshMetadata;
    104 INCONSISTENT_CLUSTER_ID Fatal;
    105 TRANSACTIONAL_ID_NOT_FOUND Fatal;
    106 FETCH_SESSION_TOPIC_ID_ERROR Retry;
    107 INELIGIBLE_REPLICA Fatal;
    108 NEW_LEADER_ELECTED Fatal;
    109 OFFSET_MOVED_TO_TIERED_STORAGE Fatal;
    110 FENCED_MEMBER_EPOCH Rejoin;
    111 UNRELEASED_INSTANCE_ID Fatal;
    112 UNSUPPORTED_ASSIGNOR Fatal;
    113 STALE_MEMBER_EPOCH Rejoin;
    114 MISMATCHED_ENDPOINT_TYPE Fatal;
    115 UNSUPPORTED_ENDPOINT_TYPE Fatal;
    116 UNKNOWN_CONTROLLER_ID Fatal;
    117 UNKNOWN_SUBSCRIPTION_ID Fatal;
    118 TELEMETRY_TOO_LARGE Fatal;
    119 INVALID_REGISTRATION Fatal;
    120 TRANSACTION_ABORTABLE NewEpoch;
    121 INVALID_RECORD_STATE Fatal;
    122 SHARE_SESSION_NOT_FOUND Retry;
    123 INVALID_SHARE_SESSION_EPOCH Retry;
    124 FENCED_STATE_EPOCH Fatal;
    125 INVALID_VOTER_KEY Fatal;
    126 DUPLICATE_VOTER Fatal;
    127 VOTER_NOT_FOUND Fatal;
    128 INVALID_REGULAR_EXPRESSION Fatal;
    129 REBOOTSTRAP_REQUIRED Fatal;
    130 STREAMS_INVALID_TOPOLOGY Fatal;
    131 STREAMS_INVALID_TOPOLOGY_EPOCH Fatal;
    132 STREAMS_TOPOLOGY_FENCED Fatal;
    133 SHARE_SESSION_LIMIT_REACHED Retry;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where we differ from the exception class of Kafka's own client, and why.
    const DIFFERENT: &[(ErrorCode, &str)] = &[(
        ErrorCode::NOT_CONTROLLER,
        "our metadata holds the controller: what Java's admin client asks for by itself",
    )];

    fn golden() -> Vec<(ErrorCode, String, Recovery)> {
        let rows = include_str!("golden/errors.txt").lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| {
            let columns: Vec<&str> = row.split(' ').collect();
            let recovery = match columns[2..] {
                [_, "yes", _] => Recovery::RefreshMetadata,
                [_, _, "yes"] => Recovery::FindCoordinator,
                ["yes", ..] => Recovery::Retry,
                _ => Recovery::Fatal,
            };
            (ErrorCode(columns[0].parse().expect("a code")), columns[1].to_owned(), recovery)
        })
        .collect()
    }

    fn retriable(recovery: Recovery) -> bool {
        matches!(recovery, Recovery::Retry | Recovery::RefreshMetadata | Recovery::FindCoordinator)
    }

    #[test]
    fn the_table_is_kafkas_own() {
        let codes: Vec<ErrorCode> = golden().iter().map(|row| row.0).collect();
        assert_eq!(codes, ErrorCode::ALL);
        for (code, name, _) in golden() {
            assert_eq!(code.name(), Some(name.as_str()));
        }
    }

    #[test]
    fn what_is_retriable_for_kafkas_client_is_retriable_in_the_same_way_here() {
        for (code, name, kafkas) in golden() {
            if retriable(kafkas) != retriable(code.recovery()) || retriable(kafkas) && kafkas != code.recovery() {
                assert!(DIFFERENT.iter().any(|row| row.0 == code), "{name}: {kafkas:?} != {:?}", code.recovery());
            }
        }
    }

    #[test]
    fn a_code_shows_its_name_and_number() {
        assert_eq!(ErrorCode(6).to_string(), "NOT_LEADER_OR_FOLLOWER (6)");
        assert_eq!(ErrorCode(-1).to_string(), "UNKNOWN_SERVER_ERROR (-1)");
        assert_eq!(ErrorCode(999).to_string(), "UNKNOWN(999)");
        assert_eq!(ErrorCode(999).recovery(), Recovery::Fatal);
    }
}
