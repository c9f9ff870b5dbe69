//! Where the broker can be reached.

use kafka_protocol::messages::MetadataRequest;
use ottla_embedded_broker::{EmbeddedBroker, StartError};
use ottla_kafka_core::{Connector, TcpConnector};

use crate::client::{Client, one_record};

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

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_the_middle_is_let_go_and_one_between_requests_is_not() {
    let broker = EmbeddedBroker::builder().start().await.expect("a broker");
    let mut patient = Client::connect(&broker).await;
    for half in [b"\0\0".as_slice(), b"\0\0\0\x12\0\x03"] {
        let mut client = Client::connect(&broker).await;
        let begun = tokio::time::Instant::now();
        client.send_bytes(half).await;
        assert!(client.receive_frame().await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 30, "{half:?}");
    }
    assert_eq!(patient.call(&MetadataRequest::default().with_topics(None), 12).await.brokers.len(), 1);
}

#[tokio::test]
async fn memory_is_bounded_and_the_longest_log_gives_way() {
    let limit = 64 * 1024;
    let builder = EmbeddedBroker::builder().max_message_bytes(1024).retention_bytes(limit).max_memory_bytes(limit);
    let broker = builder.start().await.expect("a broker");
    let mut client = Client::connect(&broker).await;
    for name in ["busy", "quiet"] {
        assert_eq!(client.create_topic(name, 1, &[]).await, 0);
    }
    client.produce("quiet", 0, one_record(1, None)).await;
    let mut kept = 0;
    for sent in 1..1200 {
        client.produce("busy", 0, one_record(1, None)).await;
        let busy = client.fetch("busy", 0, sent).await;
        kept = (busy.high_watermark - busy.log_start_offset) * i64::try_from(one_record(1, None).len()).expect("short");
        assert!(kept <= limit as i64, "{kept} bytes");
    }
    assert!(kept > limit as i64 / 4, "{kept} bytes: no more is forgotten than must be");
    assert_eq!(client.fetch("quiet", 0, 0).await.log_start_offset, 0);
}
