//! From a frame to its handler and back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::{messages, protocol::Request};
use ottla_kafka_core::BoxFuture;

use crate::{
    api::Api,
    cluster::Cluster,
    faults::{Fault, Struck},
    frame::{self, ConnectionError, Frame},
    handlers,
    log::Refusal,
    throttle::Throttled,
};

/// What becomes of a request.
pub(crate) enum Outcome {
    /// A frame to be sent, and how long nothing more is read then.
    Answer(Bytes, Duration),
    /// Done, and no answer is wanted.
    Nothing,
    /// No answer, ever.
    Silence,
}

/// The node that is asked.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) node: i32,
}

/// What a handler knows beside the request.
pub(crate) struct Cx<'a> {
    pub(crate) cluster: &'a Cluster,
    /// The node that was asked.
    pub(crate) node: i32,
    pub(crate) version: i16,
    pub(crate) client_id: String,
    /// Where the client is connected from, as DescribeGroups shows it.
    pub(crate) client_host: &'a str,
    /// A fault of one partition.
    pub(crate) fault: Option<PartitionFault>,
}

/// An error that one partition reports.
pub(crate) struct PartitionFault {
    partition: (String, i32),
    refusal: Refusal,
    /// Whether the work is done all the same.
    applied: bool,
}

/// What the broker does with a request.
pub(crate) trait Handler: Request<Response: Throttled> + Send + Sync {
    /// Does what the request asks for.
    fn answer(&self, cx: &Cx<'_>) -> impl Future<Output = Self::Response> + Send;

    /// The answer that reports `refusal` wherever this request's answer can report an error.
    fn refused(&self, version: i16, refusal: Refusal) -> Self::Response;

    /// Whether it names a partition, for faults of this one.
    fn names(&self, _cx: &Cx<'_>, _topic: &str, _partition: i32) -> bool {
        false
    }

    /// Whether the client expects an answer at all.
    fn wants_answer(&self) -> bool {
        true
    }
}

impl Cx<'_> {
    /// Whether this node is a group's coordinator.
    pub(crate) fn check_coordinator(&self, group: &str) -> Result<(), Refusal> {
        self.cluster.check_coordinator(self.node, group)
    }

    /// Does something with a partition, unless a fault is planned for it.
    pub(crate) fn in_partition<T>(
        &self,
        topic: &str,
        partition: i32,
        act: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let fault = self.fault.as_ref().filter(|fault| fault.partition.0 == topic && fault.partition.1 == partition);
        match fault {
            None => act(),
            Some(fault) => {
                if fault.applied {
                    act()?;
                }
                Err(fault.refusal)
            }
        }
    }
}

/// Answers one request.
pub(crate) fn dispatch<'a>(at: &'a At, peer: &'a str, frame: Frame) -> BoxFuture<'a, Result<Outcome, ConnectionError>> {
    let Some(api) = Api::from_key(frame.key) else {
        return Box::pin(std::future::ready(Err(ConnectionError::UnknownApi(frame.key))));
    };
    if !api.versions().contains(&frame.version) {
        return Box::pin(std::future::ready(unsupported(api, &frame)));
    }
    match api {
        Api::Produce => serve::<messages::ProduceRequest>(api, at, peer, frame),
        Api::Fetch => serve::<messages::FetchRequest>(api, at, peer, frame),
        Api::ListOffsets => serve::<messages::ListOffsetsRequest>(api, at, peer, frame),
        Api::Metadata => serve::<messages::MetadataRequest>(api, at, peer, frame),
        Api::OffsetCommit => serve::<messages::OffsetCommitRequest>(api, at, peer, frame),
        Api::OffsetFetch => serve::<messages::OffsetFetchRequest>(api, at, peer, frame),
        Api::FindCoordinator => serve::<messages::FindCoordinatorRequest>(api, at, peer, frame),
        Api::JoinGroup => serve::<messages::JoinGroupRequest>(api, at, peer, frame),
        Api::Heartbeat => serve::<messages::HeartbeatRequest>(api, at, peer, frame),
        Api::LeaveGroup => serve::<messages::LeaveGroupRequest>(api, at, peer, frame),
        Api::SyncGroup => serve::<messages::SyncGroupRequest>(api, at, peer, frame),
        Api::DescribeGroups => serve::<messages::DescribeGroupsRequest>(api, at, peer, frame),
        Api::ListGroups => serve::<messages::ListGroupsRequest>(api, at, peer, frame),
        Api::ApiVersions => serve::<messages::ApiVersionsRequest>(api, at, peer, frame),
        Api::CreateTopics => serve::<messages::CreateTopicsRequest>(api, at, peer, frame),
        Api::DeleteTopics => serve::<messages::DeleteTopicsRequest>(api, at, peer, frame),
        Api::DeleteRecords => serve::<messages::DeleteRecordsRequest>(api, at, peer, frame),
        Api::InitProducerId => serve::<messages::InitProducerIdRequest>(api, at, peer, frame),
        Api::OffsetForLeaderEpoch => serve::<messages::OffsetForLeaderEpochRequest>(api, at, peer, frame),
        Api::DescribeConfigs => serve::<messages::DescribeConfigsRequest>(api, at, peer, frame),
        Api::AlterConfigs => serve::<messages::AlterConfigsRequest>(api, at, peer, frame),
        Api::DescribeLogDirs => serve::<messages::DescribeLogDirsRequest>(api, at, peer, frame),
        Api::CreatePartitions => serve::<messages::CreatePartitionsRequest>(api, at, peer, frame),
        Api::DeleteGroups => serve::<messages::DeleteGroupsRequest>(api, at, peer, frame),
        Api::IncrementalAlterConfigs => serve::<messages::IncrementalAlterConfigsRequest>(api, at, peer, frame),
        Api::OffsetDelete => serve::<messages::OffsetDeleteRequest>(api, at, peer, frame),
        Api::DescribeCluster => serve::<messages::DescribeClusterRequest>(api, at, peer, frame),
    }
}

/// ApiVersions must be answered in version 0 whatever was asked for (KIP-511); any other is a client's mistake.
fn unsupported(api: Api, frame: &Frame) -> Result<Outcome, ConnectionError> {
    let (key, version) = (frame.key, frame.version);
    if api != Api::ApiVersions {
        return Err(ConnectionError::UnsupportedVersion { key, version });
    }
    let answer = handlers::unsupported_api_versions();
    frame::encode(&answer, key, 0, frame.correlation_id).map(|answer| Outcome::Answer(answer, Duration::ZERO))
}

fn serve<'a, R: Handler + 'a>(
    api: Api,
    at: &'a At,
    peer: &'a str,
    frame: Frame,
) -> BoxFuture<'a, Result<Outcome, ConnectionError>>
where
    R::Response: Send + Sync,
{
    Box::pin(async move {
        let (key, version, correlation_id) = (frame.key, frame.version, frame.correlation_id);
        let (client_id, request) = frame.decode::<R>()?;
        let client_id = client_id.map(|id| id.to_string()).unwrap_or_default();
        let mut cx = Cx { cluster: &at.cluster, node: at.node, version, client_id, client_host: peer, fault: None };
        let struck = at.cluster.faults().strike(api, at.node, |topic, index| request.names(&cx, topic, index));
        let mut throttle = Duration::ZERO;
        let mut answer = match struck {
            None => request.answer(&cx).await,
            Some(struck) => match faulty(struck, &request, &mut cx, &mut throttle).await? {
                Some(answer) => answer,
                None => return Ok(Outcome::Silence),
            },
        };
        if !request.wants_answer() {
            return Ok(Outcome::Nothing);
        }
        answer.throttle(i32::try_from(throttle.as_millis()).unwrap_or(i32::MAX));
        frame::encode(&answer, key, version, correlation_id).map(|answer| Outcome::Answer(answer, throttle))
    })
}

/// The answer under a fault; `None` for silence.
async fn faulty<R: Handler>(
    struck: Struck,
    request: &R,
    cx: &mut Cx<'_>,
    throttle: &mut Duration,
) -> Result<Option<R::Response>, ConnectionError> {
    let (mut fault, mut apply) = (struck.fault, false);
    while let Fault::ApplyThen(then) = fault {
        apply = true;
        fault = *then;
    }
    if let (Fault::Error(code), Some(partition)) = (&fault, struck.partition) {
        cx.fault = Some(PartitionFault { partition, refusal: handlers::refusal(code.0), applied: apply });
        return Ok(Some(request.answer(cx).await));
    }
    let applied = if apply { Some(request.answer(cx).await) } else { None };
    match fault {
        Fault::Error(code) => return Ok(Some(request.refused(cx.version, handlers::refusal(code.0)))),
        Fault::Delay(delay) => tokio::time::sleep(delay).await,
        Fault::Throttle(time) => *throttle = time,
        Fault::Disconnect => return Err(ConnectionError::Scripted),
        Fault::Silence | Fault::ApplyThen(_) => return Ok(None),
    }
    match applied {
        Some(answer) => Ok(Some(answer)),
        None => Ok(Some(request.answer(cx).await)),
    }
}
