//! The scripted brokers' side of the wire.

use std::{io, time::Duration};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse,
        MetadataResponse, RequestHeader, ResponseHeader, TopicName,
        api_versions_response::ApiVersion,
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
        metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::log::{Brokers, State};
use crate::{
    connector::{BrokerAddr, Connector, Io},
    env::BoxFuture,
};

impl std::fmt::Debug for Brokers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brokers")
    }
}

impl Connector for Brokers {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            let (brokers, broker) = (self.clone(), i32::from(addr.port()));
            self.keep(Self::env().spawn("broker", async move {
                // The connection's end is the client's.
                let _ = serve(&brokers, broker, theirs).await;
            }));
            Ok(Box::new(ours) as Io)
        })
    }
}

/// Answers requests in order until the connection ends.
async fn serve(brokers: &Brokers, broker: i32, mut io: DuplexStream) -> io::Result<()> {
    loop {
        let size = usize::try_from(io.read_i32().await?).expect("positive");
        let mut frame = vec![0; size];
        io.read_exact(&mut frame).await?;
        let mut frame = Bytes::from(frame);
        let mut head = frame.clone();
        let (key, version) = (ApiKey::try_from(head.get_i16()).expect("a known key"), head.get_i16());
        let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).expect("a header");
        if brokers.state().silent == Some(broker) {
            std::future::pending::<()>().await;
        }
        let mut out = BytesMut::new();
        out.put_i32(0);
        ResponseHeader::default()
            .with_correlation_id(header.correlation_id)
            .encode(&mut out, key.response_header_version(version))
            .expect("encodes");
        let encoded = match key {
            ApiKey::ApiVersions => api_versions().encode(&mut out, version),
            ApiKey::Metadata => metadata(&mut brokers.state()).encode(&mut out, version),
            ApiKey::ListOffsets => {
                let request = ListOffsetsRequest::decode(&mut frame, version).expect("a request");
                list(&mut brokers.state(), &request).encode(&mut out, version)
            }
            _ => {
                let request = FetchRequest::decode(&mut frame, version).expect("a request");
                fetch(brokers, broker, &request).await.encode(&mut out, version)
            }
        };
        encoded.expect("encodes");
        let length = i32::try_from(out.len() - 4).expect("short");
        out[..4].copy_from_slice(&length.to_be_bytes());
        io.write_all(&out).await?;
    }
}

/// Waits as a broker does while there is nothing.
async fn fetch(brokers: &Brokers, broker: i32, request: &FetchRequest) -> FetchResponse {
    brokers.state().see(broker, request);
    let until = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).expect("positive"));
    loop {
        {
            let mut state = brokers.state();
            let (mut answer, is_due) = state.answer(broker, request);
            if is_due || Instant::now() >= until {
                if let Some(tweak) = state.tweaks.pop_front() {
                    tweak(&mut answer);
                }
                return answer;
            }
        }
        sleep(Duration::from_millis(5)).await;
    }
}

fn api_versions() -> ApiVersionsResponse {
    let range =
        |key: i16, min, max| ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max);
    ApiVersionsResponse::default().with_api_keys(vec![
        range(1, 4, 17),
        range(2, 1, 7),
        range(3, 4, 12),
        range(18, 0, 4),
    ])
}

fn metadata(state: &mut State) -> MetadataResponse {
    state.metadata += 1;
    let broker = |id: i32| {
        let host = StrBytes::from_static_str("sim");
        MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(id)
    };
    let (leader, epoch) = state.told_leader.unwrap_or(state.leader);
    let partition = |index: &i32| {
        MetadataResponsePartition::default()
            .with_partition_index(*index)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(epoch)
    };
    let partitions = if state.topic_error == 0 { state.logs.keys().map(partition).collect() } else { Vec::new() };
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("orders"))))
        .with_topic_id(Uuid::from_u128(if state.topic_error == 0 { state.topic_id } else { 0 }))
        .with_error_code(state.topic_error)
        .with_partitions(partitions);
    MetadataResponse::default().with_brokers(vec![broker(1), broker(2)]).with_topics(vec![topic])
}

fn list(state: &mut State, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let mut topics = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            state.listed.push(asked.timestamp);
            let log = &state.logs[&asked.partition_index];
            let offset = match asked.timestamp {
                -2 => log.start,
                -1 if request.isolation_level == 1 => log.last_stable.unwrap_or(log.end()),
                -1 => log.end(),
                // The records' timestamps are their offsets.
                at => at.max(log.start).min(log.end()),
            };
            let none = asked.timestamp >= 0 && offset == log.end();
            let offset = if none { -1 } else { offset };
            partitions.push(
                ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_offset(offset)
                    .with_leader_epoch(-1),
            );
        }
        topics.push(ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    ListOffsetsResponse::default().with_topics(topics)
}
