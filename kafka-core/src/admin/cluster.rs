use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::{Admin, asking::Asking, items::Results, wire::verdict};
use crate::{
    client::{ConnectionKind, Target},
    connector::BrokerAddr,
    error::Error,
};

/// The cluster as a broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    cluster_id: String,
    controller: Option<i32>,
    brokers: Vec<BrokerDescription>,
}

/// A broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerDescription {
    id: i32,
    address: BrokerAddr,
    rack: Option<String>,
}

impl ClusterDescription {
    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The broker that administrative requests go to. In KRaft it is any broker that forwards them.
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// The brokers, by id.
    pub fn brokers(&self) -> &[BrokerDescription] {
        &self.brokers
    }

    fn read(answer: DescribeClusterResponse) -> Result<Self, Error> {
        verdict(answer.error_code, "DescribeCluster", answer.error_message)?;
        let broker = |broker: kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker| {
            let port = u16::try_from(broker.port).ok()?;
            Some(BrokerDescription {
                id: broker.broker_id.0,
                address: BrokerAddr::new(broker.host.as_str(), port),
                rack: broker.rack.map(|rack| rack.to_string()),
            })
        };
        let mut brokers: Vec<_> = answer.brokers.into_iter().filter_map(broker).collect();
        brokers.sort_by_key(BrokerDescription::id);
        let controller = (answer.controller_id.0 >= 0).then_some(answer.controller_id.0);
        Ok(Self { cluster_id: answer.cluster_id.to_string(), controller, brokers })
    }
}

impl BrokerDescription {
    /// Kafka: `node.id`.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Where it says that it can be reached. Kafka: `advertised.listeners`.
    pub fn address(&self) -> &BrokerAddr {
        &self.address
    }

    /// Kafka: `broker.rack`.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }
}

impl Admin<'_> {
    /// The cluster's id, controller and brokers, fresh from a broker.
    ///
    /// # Errors
    /// No broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, Error> {
        let request = DescribeClusterRequest::default();
        let mut asking = Asking::new::<DescribeClusterRequest>(self.client, [()]);
        while let Some(asked) = asking.next().await {
            let answer = self.client.call(Target::Any, ConnectionKind::Control, &request, asking.limit()).await;
            asking.answer(&asked, answer.map(|answer| Results::from([((), ClusterDescription::read(answer))])));
        }
        asking.into_result()
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::{
        messages::{BrokerId, describe_cluster_response::DescribeClusterBroker},
        protocol::StrBytes,
    };

    use super::*;
    use crate::protocol::ErrorCode;

    #[test]
    fn brokers_come_by_id_and_an_impossible_port_is_no_broker() {
        let broker = |id, port| {
            DescribeClusterBroker::default()
                .with_broker_id(BrokerId(id))
                .with_host(StrBytes::from_static_str("localhost"))
                .with_port(port)
        };
        let answer = DescribeClusterResponse::default()
            .with_cluster_id(StrBytes::from_static_str("c"))
            .with_controller_id(BrokerId(-1))
            .with_brokers(vec![broker(3, 9094), broker(1, 9092), broker(2, 1 << 20)]);
        let cluster = ClusterDescription::read(answer).expect("a cluster");
        assert_eq!((cluster.cluster_id(), cluster.controller()), ("c", None));
        assert_eq!(cluster.brokers().iter().map(BrokerDescription::id).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_refusal_is_an_error() {
        let answer = DescribeClusterResponse::default().with_error_code(31);
        let error = ClusterDescription::read(answer).expect_err("refused");
        assert_eq!(error.code(), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    }
}
