//! DescribeCluster.

use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, describe_cluster_response::DescribeClusterBroker,
};

use super::text;
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
    node::{CLUSTER_ID, NODE_ID},
};

/// Kafka's number of brokers as a kind of endpoint; the other kind, controllers, has no endpoint here.
const BROKERS: i8 = 1;

impl Handler for DescribeClusterRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DescribeClusterResponse {
        if cx.version >= 1 && self.endpoint_type != BROKERS {
            return self.refused(cx.version, Refusal::UnsupportedEndpointType);
        }
        let broker = DescribeClusterBroker::default()
            .with_broker_id(BrokerId(NODE_ID))
            .with_host(text(cx.node.addr().host()))
            .with_port(i32::from(cx.node.addr().port()));
        DescribeClusterResponse::default()
            .with_cluster_id(text(CLUSTER_ID))
            .with_controller_id(BrokerId(NODE_ID))
            .with_brokers(vec![broker])
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> DescribeClusterResponse {
        DescribeClusterResponse::default().with_error_code(refusal.code())
    }
}
