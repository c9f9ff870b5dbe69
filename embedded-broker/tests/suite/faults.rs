//! What goes wrong on demand, and that nothing is lost or doubled by it.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest, ProduceRequest};
use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
use ottla_kafka_core::{
    ErrorCode,
    record::{BatchBuilder, Compression, ProducerStamp},
};
use tokio::time::Instant;

use crate::client::{Client, fetch_request, one_record, only_fetched, only_produced, produce_request};

fn batch(base_sequence: i32) -> Bytes {
    one_record(1, Some(ProducerStamp { producer_id: 1, producer_epoch: 0, base_sequence }))
}

async fn start() -> (EmbeddedBroker, Client) {
    let broker = EmbeddedBroker::builder().start().await.expect("a broker");
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.create_topic("orders", 1, &[]).await, 0);
    (broker, client)
}

#[tokio::test]
async fn a_scripted_error_is_answered_instead_of_the_work() {
    let (broker, mut client) = start().await;
    broker.faults().add(Api::Produce, Fault::Error(ErrorCode(6)).times(2));
    for expected in [6, 6, 0] {
        assert_eq!(client.produce("orders", 0, batch(0)).await.error_code, expected);
    }
    assert_eq!(client.fetch("orders", 0, 0).await.high_watermark, 1);
}

#[tokio::test]
async fn a_produce_whose_answer_is_lost_is_appended_once() {
    let (broker, mut client) = start().await;
    broker.faults().add(Api::Produce, Fault::Disconnect.after_applying());
    client.send(&produce_request("orders", 0, batch(0)), 9).await;
    assert!(client.receive::<ProduceRequest>(9).await.is_none());
    let mut client = Client::connect(&broker).await;
    let again = client.produce("orders", 0, batch(0)).await;
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    assert_eq!(client.fetch("orders", 0, 0).await.high_watermark, 1);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_request_is_done_even_if_its_client_has_left() {
    let (broker, mut client) = start().await;
    broker.faults().add(Api::Produce, Fault::Delay(Duration::from_secs(5)));
    client.send(&produce_request("orders", 0, batch(0)), 9).await;
    drop(client);
    let mut client = Client::connect(&broker).await;
    let mut waits = fetch_request("orders", 0, 0);
    waits.max_wait_ms = 20_000;
    let asked = Instant::now();
    let fetched = only_fetched(client.call(&waits, 12).await);
    assert_eq!((fetched.high_watermark, asked.elapsed().as_secs()), (1, 5), "woken by the late append");
}

#[tokio::test(start_paused = true)]
async fn silence_lasts() {
    let (broker, mut client) = start().await;
    broker.faults().add(Api::Metadata, Fault::Silence);
    client.send(&MetadataRequest::default(), 12).await;
    let silence = tokio::time::timeout(Duration::from_secs(3600), client.receive_frame());
    assert!(silence.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_records_but_no_longer_than_it_said() {
    let (broker, mut client) = start().await;
    let mut waits = fetch_request("orders", 0, 0);
    waits.max_wait_ms = 3000;
    let asked = Instant::now();
    assert_eq!(only_fetched(client.call(&waits, 12).await).error_code, 0);
    assert_eq!(asked.elapsed(), Duration::from_secs(3));
    client.send(&waits, 12).await;
    let mut producer = Client::connect(&broker).await;
    producer.produce("orders", 0, batch(0)).await;
    let fetched = client.receive::<kafka_protocol::messages::FetchRequest>(12).await.expect("an answer");
    assert!(!only_fetched(fetched).records.expect("records").is_empty());
}

#[tokio::test]
async fn retries_that_overlap_the_original_append_once() {
    let (broker, mut first) = start().await;
    let mut second = Client::connect(&broker).await;
    for sequence in 0..200 {
        let request = produce_request("orders", 0, batch(sequence));
        first.send(&request, 9).await;
        second.send(&request, 9).await;
        for client in [&mut first, &mut second] {
            let produced = only_produced(client.receive::<ProduceRequest>(9).await.expect("an answer"));
            assert_eq!((produced.error_code, produced.base_offset), (0, i64::from(sequence)));
        }
    }
}

#[tokio::test]
async fn a_killed_broker_comes_back_with_what_it_had() {
    for listen in [None, Some("127.0.0.1:0")] {
        let mut builder = EmbeddedBroker::builder();
        if let Some(addr) = listen {
            builder = builder.listen(addr);
        }
        let broker = builder.start().await.expect("a broker");
        let mut client = Client::connect(&broker).await;
        assert_eq!(client.create_topic("orders", 1, &[]).await, 0);
        client.produce("orders", 0, batch(0)).await;
        let addr = broker.addr();
        broker.kill().await;
        assert!(client.receive_frame().await.is_none());
        assert!(broker.connector().connect(&addr).await.is_err());
        broker.restart().await.expect("the same address");
        assert_eq!(broker.addr(), addr);
        let mut client = Client::connect(&broker).await;
        assert_eq!(client.produce("orders", 0, batch(0)).await.base_offset, 0, "still the same record");
        assert_eq!(client.produce("orders", 0, batch(1)).await.base_offset, 1);
    }
}

#[tokio::test]
async fn nonsense_closes_its_connection_and_no_other() {
    let (broker, mut bystander) = start().await;
    for nonsense in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice(),
        // A length of -1, of 7, an unknown request, an unknown version, an array of 2^31 - 1 topics.
        b"\xff\xff\xff\xff",
        b"\0\0\0\x07\0\0\0\0\0\0\0",
        b"\0\0\0\x08\x7f\xff\0\0\0\0\0\0",
        b"\0\0\0\x08\0\0\0\0\0\0\0\0",
        b"\0\0\0\x0e\0\x03\0\0\0\0\0\0\xff\xff\x7f\xff\xff\xff",
    ] {
        let mut client = Client::connect(&broker).await;
        client.send_bytes(nonsense).await;
        assert!(client.receive_frame().await.is_none(), "{nonsense:?}");
    }
    assert_eq!(bystander.call(&ApiVersionsRequest::default(), 3).await.error_code, 0);
}

#[tokio::test]
async fn an_api_versions_request_from_the_future_is_answered_in_version_0() {
    let (_broker, mut client) = start().await;
    // ApiVersions v99: only the header's fixed part means anything.
    client.send_bytes(b"\0\0\0\x08\0\x12\0\x63\0\0\0\x07").await;
    let answer = client.receive_frame().await.expect("an answer");
    assert_eq!(&answer[..6], b"\0\0\0\x07\0\x23");
}

#[tokio::test]
async fn a_topic_may_take_longer_batches_than_the_others() {
    let (_broker, mut client) = start().await;
    assert_eq!(client.create_topic("orders-dlq", 1, &[("max.message.bytes", "3000000")]).await, 0);
    assert_eq!(client.create_topic("bad", 1, &[("max.message.bytes", "much")]).await, 40);
    let mut long = BatchBuilder::new();
    long.push(1, None, Some(&vec![7; 2_000_000]), &[]);
    let long = long.finish(None, Compression::NONE).unwrap();
    assert_eq!(client.produce("orders", 0, long.clone()).await.error_code, 10);
    assert_eq!(client.produce("orders-dlq", 0, long).await.error_code, 0);
}

#[tokio::test]
async fn bytes_after_a_request_are_ignored_as_kafka_does() {
    let (_broker, mut client) = start().await;
    // What librdkafka 2.16 sends for the metadata of all topics, with three bytes too many.
    client.send_bytes(b"\0\0\0\x12\0\x03\0\x0c\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0").await;
    assert!(client.receive_frame().await.is_some());
}

/// Two partitions of one Produce request.
fn produce_two(first: Bytes, second: Bytes) -> ProduceRequest {
    let mut request = produce_request("orders", 0, first);
    let mut other = request.topic_data[0].partition_data[0].clone();
    other.index = 1;
    other.records = Some(second);
    request.topic_data[0].partition_data.push(other);
    request
}

#[tokio::test]
async fn one_partition_of_a_request_goes_wrong_and_the_rest_is_done() {
    let broker = EmbeddedBroker::builder().start().await.expect("a broker");
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.create_topic("orders", 2, &[]).await, 0);
    // Applied or not, the partition reports the error.
    let faults = [Fault::Error(ErrorCode(6)), Fault::Error(ErrorCode(20)).after_applying()];
    for ((fault, code), end) in faults.into_iter().zip([6, 20]).zip([0, 1]) {
        broker.faults().add(Api::Produce, fault.on("orders", 0));
        broker.faults().add(Api::Produce, Fault::Disconnect.on("payments", 0));
        let request = produce_two(one_record(1, None), one_record(1, None));
        let answer = client.call(&request, 9).await;
        let codes: Vec<i16> = answer.responses[0].partition_responses.iter().map(|p| p.error_code).collect();
        assert_eq!(codes, [code, 0]);
        assert_eq!(client.fetch("orders", 0, 0).await.high_watermark, end);
    }
    assert_eq!(client.fetch("orders", 1, 0).await.high_watermark, 2);
    broker.faults().add(Api::Fetch, Fault::Error(ErrorCode(56)).on("orders", 1));
    assert_eq!(client.fetch("orders", 0, 0).await.error_code, 0);
    assert_eq!(client.fetch("orders", 1, 0).await.error_code, 56);
    assert_eq!(broker.faults().remaining(Api::Produce), 2, "nobody produced to the other topic");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_is_answered_at_once_and_read_later() {
    let (broker, mut client) = start().await;
    broker.faults().add(Api::Produce, Fault::Throttle(Duration::from_secs(3)).after(1));
    let asked = Instant::now();
    for (sequence, throttle, waited) in [(0, 0, 0), (1, 3000, 0), (2, 0, 3)] {
        let answer = client.call(&produce_request("orders", 0, batch(sequence)), 9).await;
        assert_eq!((answer.throttle_time_ms, asked.elapsed().as_secs()), (throttle, waited), "{sequence}");
    }
    assert_eq!(client.fetch("orders", 0, 0).await.high_watermark, 3);
}
