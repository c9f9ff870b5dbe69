//! Every answer that the client reads, in every version it speaks.

use bytes::Bytes;
use kafka_protocol::{
    messages::*,
    protocol::{Encodable, Request},
};

use super::Target;
use crate::protocol::{Api, Fetch, Produce, api_name, spoken};

/// Decodes the rest of `data` in the version that its first byte chooses.
fn decode<A: Api>(data: &[u8]) {
    let (Some(versions), Some((choice, body))) = (spoken(A::KEY), data.split_first()) else { return };
    let width = versions.end().saturating_sub(*versions.start()).saturating_add(1);
    let version = versions.start().saturating_add(i16::from(*choice).checked_rem(width).unwrap_or_default());
    let _ = A::decode(version, Bytes::copy_from_slice(body));
}

/// The plainest answer of each version.
fn plain<R: Request>() -> Vec<Vec<u8>>
where
    R::Response: Default + Encodable,
{
    let versions = spoken(R::KEY).into_iter().flatten();
    versions
        .enumerate()
        .filter_map(|(choice, version)| {
            let mut seed = vec![u8::try_from(choice).ok()?];
            R::Response::default().encode(&mut seed, version).ok()?;
            Some(seed)
        })
        .collect()
}

const fn answer<R>() -> Target
where
    R: Request + Send + Sync,
    R::Response: Default + Encodable + Send + 'static,
{
    Target { name: "", run: decode::<R>, seeds: plain::<R> }
}

macro_rules! answers {
    ($($request:ty),* $(,)?) => {
        vec![$(Target { name: api_name(<$request as Request>::KEY), ..answer::<$request>() }),*]
    };
}

pub(super) fn targets() -> Vec<Target> {
    let mut targets: Vec<Target> = answers![
        ListOffsetsRequest,
        MetadataRequest,
        OffsetCommitRequest,
        OffsetFetchRequest,
        FindCoordinatorRequest,
        JoinGroupRequest,
        HeartbeatRequest,
        LeaveGroupRequest,
        SyncGroupRequest,
        DescribeGroupsRequest,
        ListGroupsRequest,
        SaslHandshakeRequest,
        ApiVersionsRequest,
        CreateTopicsRequest,
        DeleteTopicsRequest,
        DeleteRecordsRequest,
        InitProducerIdRequest,
        OffsetForLeaderEpochRequest,
        DescribeConfigsRequest,
        SaslAuthenticateRequest,
        CreatePartitionsRequest,
        DeleteGroupsRequest,
        IncrementalAlterConfigsRequest,
        OffsetDeleteRequest,
        DescribeClusterRequest,
        DescribeLogDirsRequest,
        ConsumerGroupHeartbeatRequest,
        ConsumerGroupDescribeRequest,
        DescribeTopicPartitionsRequest,
    ];
    targets.push(Target { name: api_name(Produce::KEY), run: decode::<Produce>, seeds: plain::<ProduceRequest> });
    targets.push(Target { name: api_name(Fetch::KEY), run: decode::<Fetch>, seeds: plain::<FetchRequest> });
    targets
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::protocol::keys;

    #[test]
    fn every_answer_that_the_client_reads_is_fuzzed() {
        let fuzzed: BTreeSet<&str> = targets().iter().map(|target| target.name).collect();
        let read: BTreeSet<&str> = keys().map(api_name).collect();
        assert_eq!(fuzzed, read, "protocol/versions.rs and this list");
        assert!(targets().iter().all(|target| !(target.seeds)().is_empty()), "each begins with honest answers");
    }
}
