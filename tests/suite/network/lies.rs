use std::{net::SocketAddr, time::Duration};

use libtest_mimic::Failed;
use ottla_embedded_broker::EmbeddedBroker;
use ottla_kafka_core::{
    BrokerAddr, Client, NewTopic, OffsetSpec, Producer, ProducerRecord, TopicPartition,
    protocol::{
        kafka_protocol::protocol::{Encodable, StrBytes},
        messages::{
            ApiVersionsResponse, BrokerId, MetadataResponse, TopicName,
            api_versions_response::ApiVersion,
            metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
        },
    },
};
use ottla_tests::stub::{Answer, Request, Stub};
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    time::{Instant, timeout},
};

use super::chain;
use crate::{
    harness::{Context, Outcome},
    support::read_log_by,
};

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const LIMIT: Duration = Duration::from_secs(2);

pub(super) async fn an_advertised_address_that_lies_is_named_with_its_broker(cx: Context) -> Outcome {
    let http = TcpListener::bind("127.0.0.1:0").await?;
    let http_address = http.local_addr()?;
    let _serving = cx.env().spawn("http", async move {
        while let Ok((mut stream, _)) = http.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let silent = Stub::silent().await?;
    let closed = { TcpListener::bind("127.0.0.1:0").await?.local_addr()? };
    for (lie, says) in [
        (
            http_address,
            format!("{http_address}, advertised by broker 2, does not speak Kafka: its first bytes are 'HTTP/1.1'"),
        ),
        (closed, format!("no connection to {closed}, advertised by broker 2")),
        (silent.address(), "does it speak Kafka, and without TLS?".to_owned()),
    ] {
        let stub = Stub::answering(move |request| answer(request, lie)).await?;
        let client = limited([address(stub.address())]).build()?;
        client.metadata().topics(&["orders"]).await?;
        let wanted = [(TopicPartition::new("orders", 0), OffsetSpec::Latest)];
        let listing = async {
            let listed = client.admin().list_offsets(&wanted).await?;
            listed.into_values().try_for_each(|listed| listed.map(drop))
        };
        let listed = timeout(LIMIT * 3, listing).await.map_err(|_| format!("{lie}: no end in time"))?;
        let text = chain(&listed.err().ok_or("believed")?);
        for says in [says.as_str(), &lie.to_string(), "advertised by broker 2"] {
            assert!(text.contains(says), "'{says}' is missing from: {text}");
        }
        client.close().await;
    }
    Ok(())
}

pub(super) async fn a_cluster_that_moved_away_is_found_by_the_configured_list(cx: Context) -> Outcome {
    let there = cx.bootstrap()?;
    // The old cluster's brokers are gone for good: addresses that swallow what is sent to them.
    let (gone, gone_too) = (Stub::silent().await?, Stub::silent().await?);
    let old = gone.address();
    let stub = Stub::answering(move |request| answer(request, old)).await?;
    let bootstrap = [address(stub.address()), address(gone_too.address())].into_iter().chain(there);
    let client = Client::builder().bootstrap(bootstrap).build()?;
    let cluster = client.metadata().topics(&["orders"]).await?;
    assert!(cluster.brokers().values().any(|broker| *broker == address(old)), "{cluster:?}");
    drop(stub);
    let begun = Instant::now();
    let moved = client.metadata().refresh_after(cluster.generation()).await?;
    assert!(!moved.brokers().values().any(|broker| *broker == address(old)), "{moved:?}");
    cx.figure(&format!("rebootstrapped in {:?} past three addresses that are gone", begun.elapsed()));
    client.close().await;
    Ok(())
}

pub(super) async fn ipv6_addresses_are_reached_and_advertised(cx: Context) -> Outcome {
    if TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("{}: this machine has no IPv6 loopback", cx.unique("ipv6"));
        return Ok(());
    }
    let broker = EmbeddedBroker::builder().listen("[::1]:0").start().await?;
    let at = broker.addr();
    assert_eq!(at.to_string(), format!("[::1]:{}", at.port()));
    let client = limited([at.to_string().parse()?]).build()?;
    for (_, created) in client.admin().create_topics(&[NewTopic::new("orders", 1, 1)]).await? {
        created?;
    }
    Producer::builder(&client).build()?.send(ProducerRecord::to("orders").value("6")).await?;
    let log = read_log_by(&client, "orders").await?;
    assert_eq!(log.len(), 1);
    client.close().await;
    broker.stop().await;
    Ok(())
}

fn limited(brokers: impl IntoIterator<Item = BrokerAddr>) -> ottla_kafka_core::ClientBuilder {
    let timeouts = Client::builder().connect_timeout(LIMIT / 2).request_timeout(LIMIT).default_api_timeout(LIMIT);
    timeouts.bootstrap(brokers)
}

fn address(address: SocketAddr) -> BrokerAddr {
    BrokerAddr::new(address.ip().to_string(), address.port())
}

/// A cluster whose only topic is led by broker 2, who advertises `lie`.
fn answer(request: &Request, lie: SocketAddr) -> Answer {
    let encoded = match request.api {
        API_VERSIONS => encode(&versions(), request.version.min(3), false),
        METADATA => encode(&metadata(lie), request.version, request.version >= 9),
        _ => return Answer::Silence,
    };
    encoded.map_or(Answer::Silence, Answer::Body)
}

fn encode(answer: &impl Encodable, version: i16, tagged: bool) -> Result<Vec<u8>, Failed> {
    let mut bytes = if tagged { vec![0] } else { Vec::new() };
    answer.encode(&mut bytes, version).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn versions() -> ApiVersionsResponse {
    let api = |(key, max)| ApiVersion::default().with_api_key(key).with_max_version(max);
    ApiVersionsResponse::default().with_api_keys([(API_VERSIONS, 3), (METADATA, 12), (2, 6)].map(api).to_vec())
}

fn metadata(lie: SocketAddr) -> MetadataResponse {
    let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(2));
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("orders"))))
        .with_partitions(vec![partition]);
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(2))
        .with_host(StrBytes::from_string(lie.ip().to_string()))
        .with_port(i32::from(lie.port()));
    MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic])
}
