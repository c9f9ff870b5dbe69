//! Where the broker can be reached.

use kafka_protocol::messages::MetadataRequest;
use ottla_embedded_broker::{EmbeddedBroker, StartError};
use ottla_kafka_core::{Connector, TcpConnector};

use crate::client::Client;

#[tokio::test]
async fn only_loopback_addresses_are_listened_on_and_every_problem_is_named() {
    let start = EmbeddedBroker::builder().listen("0.0.0.0:0").default_partitions(0).retention_bytes(1).start();
    let Err(StartError::Settings(problems)) = start.await else { panic!("it must not start") };
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("loopback")), "{problems:?}");
}

#[tokio::test]
async fn tcp_and_memory_reach_the_same_broker() {
    let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").start().await.expect("a broker");
    let mut memory = Client::connect(&broker).await;
    assert_eq!(memory.create_topic("orders", 2, &[]).await, 0);
    let mut tcp = Client::over(TcpConnector.connect(&broker.addr()).await.expect("a connection"));
    let metadata = tcp.call(&MetadataRequest::default().with_topics(None), 12).await;
    assert_eq!(metadata.topics[0].partitions.len(), 2);
    assert_eq!(metadata.brokers[0].port, i32::from(broker.addr().port()));
    broker.stop().await;
    assert!(tcp.try_call(&MetadataRequest::default(), 12).await.is_none());
}
