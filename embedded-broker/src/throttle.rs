//! Answers that can ask their client to slow down.

use kafka_protocol::messages::*;

/// An answer with a throttle time; versions without one leave it out.
pub(crate) trait Throttled {
    /// Sets the time in milliseconds.
    fn throttle(&mut self, millis: i32);
}

macro_rules! throttled {
    ($($answer:ident),* $(,)?) => {
        $(impl Throttled for $answer {
            fn throttle(&mut self, millis: i32) {
                self.throttle_time_ms = millis;
            }
        })*
    };
}

throttled!(
    AlterConfigsResponse,
    ApiVersionsResponse,
    CreatePartitionsResponse,
    CreateTopicsResponse,
    DeleteGroupsResponse,
    DeleteRecordsResponse,
    DeleteTopicsResponse,
    DescribeClusterResponse,
    DescribeConfigsResponse,
    DescribeGroupsResponse,
    DescribeLogDirsResponse,
    FetchResponse,
    FindCoordinatorResponse,
    HeartbeatResponse,
    IncrementalAlterConfigsResponse,
    InitProducerIdResponse,
    JoinGroupResponse,
    LeaveGroupResponse,
    ListGroupsResponse,
    ListOffsetsResponse,
    MetadataResponse,
    OffsetCommitResponse,
    OffsetDeleteResponse,
    OffsetFetchResponse,
    OffsetForLeaderEpochResponse,
    ProduceResponse,
    SyncGroupResponse,
);
