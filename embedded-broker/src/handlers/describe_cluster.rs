//! DescribeCluster.

use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, describe_cluster_response::DescribeClusterBroker,
};

use super::text;
use crate::{
    cluster::CLUSTER_ID,
    dispatch::{Cx, Handler},
    log::Refusal,
};

/// Kafka's number of brokers as a kind of endpoint; the other kind, controllers, has no endpoint here.
const BROKERS: i8 = 1;

impl Handler for DescribeClusterRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DescribeClusterResponse {
        if cx.version >= 1 && self.endpoint_type != BROKERS {
            return self.refused(cx.version, Refusal::UnsupportedEndpointType);
        }
        let nodes = cx.cluster.nodes();
        let brokers = nodes.alive().map(|(id, addr)| {
            DescribeClusterBroker::default()
                .with_broker_id(BrokerId(id))
                .with_host(text(addr.host()))
                .with_port(i32::from(addr.port()))
        });
        DescribeClusterResponse::default()
            .with_cluster_id(text(CLUSTER_ID))
            .with_controller_id(BrokerId(nodes.controller().unwrap_or(-1)))
            .with_brokers(brokers.collect())
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> DescribeClusterResponse {
        DescribeClusterResponse::default().with_error_code(refusal.code())
    }
}
