//! The brokers' side of the wire.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdResponse, MetadataResponse, ProduceRequest,
        ProduceResponse, ProducerId, RequestHeader, ResponseHeader, TopicName,
        api_versions_response::ApiVersion,
        metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
        produce_response::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf},
    sync::mpsc,
    time::sleep,
};

use super::{
    brokers::{BROKERS, Cluster, Fate, Lot},
    seeded::seeded,
};
use crate::{
    connector::{BrokerAddr, Connector, Io},
    env::BoxFuture,
    protocol::ErrorCode,
    record::{Batch, batches},
};

impl Connector for Cluster {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            if self.is_away() || self.random(10) == 0 && !self.is_calm() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            let (cluster, broker) = (self.clone(), i32::from(addr.port()));
            let mut cuts = self.cuts();
            self.keep(seeded(0).spawn("broker", async move {
                tokio::select! {
                    biased;
                    _ = cuts.changed() => {}
                    _ = serve(&cluster, broker, theirs) => {}
                }
            }));
            Ok(Box::new(ours) as Io)
        })
    }
}

/// A request that was read.
struct Frame {
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    produce: Option<Arc<ProduceRequest>>,
}

/// Reads ahead, and answers requests in order until the connection ends.
async fn serve(cluster: &Cluster, broker: i32, io: DuplexStream) -> io::Result<()> {
    let (mut input, mut output) = tokio::io::split(io);
    let (read, mut waiting) = mpsc::unbounded_channel();
    let in_hand = AtomicUsize::new(0);
    let reading = async {
        loop {
            let frame = next_frame(&mut input).await?;
            if frame.produce.is_some() {
                let requests = in_hand.fetch_add(1, Ordering::Relaxed) + 1;
                cluster.see(|seen| seen.pipelined = seen.pipelined.max(requests));
            }
            if read.send(frame).is_err() {
                return Ok(());
            }
        }
    };
    let answering = async {
        while let Some(frame) = waiting.recv().await {
            let Some(bytes) = answer_frame(cluster, broker, &frame).await else { break };
            in_hand.fetch_sub(usize::from(frame.produce.is_some()), Ordering::Relaxed);
            output.write_all(&bytes).await?;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        ended = answering => ended,
        ended = reading => ended,
    }
}

async fn next_frame(input: &mut ReadHalf<DuplexStream>) -> io::Result<Frame> {
    let size = usize::try_from(input.read_i32().await?).expect("positive");
    let mut frame = vec![0; size];
    input.read_exact(&mut frame).await?;
    let mut frame = Bytes::from(frame);
    let mut head = frame.clone();
    let (key, version) = (ApiKey::try_from(head.get_i16()).expect("a known key"), head.get_i16());
    let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).expect("a header");
    let produce = (key == ApiKey::Produce).then(|| ProduceRequest::decode(&mut frame, version).expect("a request"));
    Ok(Frame { key, version, correlation_id: header.correlation_id, produce: produce.map(Arc::new) })
}

/// The answer's bytes, unless the connection ends without one.
async fn answer_frame(cluster: &Cluster, broker: i32, frame: &Frame) -> Option<BytesMut> {
    let (key, version) = (frame.key, frame.version);
    let mut out = BytesMut::new();
    out.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(frame.correlation_id);
    header.encode(&mut out, key.response_header_version(version)).expect("encodes");
    let encoded = match (&frame.produce, key) {
        (Some(request), _) => produce(cluster, broker, request).await?.encode(&mut out, version),
        (None, ApiKey::ApiVersions) => api_versions().encode(&mut out, version),
        (None, ApiKey::Metadata) => metadata(cluster).encode(&mut out, version),
        (None, _) => {
            let (id, epoch) = cluster.producer_id();
            let answer = InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(epoch);
            answer.encode(&mut out, version)
        }
    };
    encoded.expect("encodes");
    let length = i32::try_from(out.len() - 4).expect("short");
    out[..4].copy_from_slice(&length.to_be_bytes());
    Some(out)
}

fn api_versions() -> ApiVersionsResponse {
    let range =
        |key: i16, min, max| ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max);
    ApiVersionsResponse::default().with_api_keys(vec![
        range(0, 3, 12),
        range(3, 4, 12),
        range(18, 0, 4),
        range(22, 0, 5),
    ])
}

fn metadata(cluster: &Cluster) -> MetadataResponse {
    let brokers = BROKERS.map(|id| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(StrBytes::from_static_str("sim"))
            .with_port(id)
    });
    let partitions = (0..).zip(cluster.told_leaders()).map(|(index, (leader, epoch))| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(epoch)
    });
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("orders"))))
        .with_partitions(partitions.collect());
    let missing = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("no-such-topic"))))
        .with_error_code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
    MetadataResponse::default().with_brokers(brokers.to_vec()).with_topics(vec![topic, missing])
}

/// The answer, unless the connection ends without one.
async fn produce(cluster: &Cluster, broker: i32, request: &Arc<ProduceRequest>) -> Option<ProduceResponse> {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let bytes = partitions.filter_map(|data| data.records.as_ref()).map(Bytes::len).sum();
    cluster.see(|seen| {
        seen.largest_request = seen.largest_request.max(bytes);
        seen.requests += 1;
    });
    let fate = cluster.fate();
    match fate {
        Fate::Silent { applied } | Fate::Cut { applied } => {
            if applied {
                cluster.see(|seen| seen.lost_answers += 1);
                apply(cluster, broker, request);
            }
            if matches!(fate, Fate::Silent { .. }) {
                std::future::pending::<()>().await;
            }
            None
        }
        Fate::CutThenApplied(wait) => {
            cluster.see(|seen| seen.late_copies += 1);
            let (late, request) = (cluster.clone(), Arc::clone(request));
            cluster.keep(seeded(0).spawn("late copy", async move {
                sleep(wait).await;
                apply(&late, broker, &request);
            }));
            None
        }
        Fate::Delayed(wait) => {
            let applied = apply(cluster, broker, request);
            sleep(wait).await;
            Some(answer(cluster, broker, applied))
        }
        Fate::Fine => Some(answer(cluster, broker, apply(cluster, broker, request))),
        Fate::Throttled(millis) => {
            Some(answer(cluster, broker, apply(cluster, broker, request)).with_throttle_time_ms(millis))
        }
    }
}

/// A partition, its batch, and what is to be answered.
type Applied = Vec<(usize, Batch, Result<i64, ErrorCode>)>;

fn apply(cluster: &Cluster, broker: i32, request: &ProduceRequest) -> Applied {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    partitions
        .map(|data| {
            let index = usize::try_from(data.index).expect("positive");
            let records = data.records.clone().expect("records");
            let batch = batches(records).next().expect("a batch").expect("a good batch");
            let lot = cluster.lot();
            let appended = match lot {
                Lot::Refused(code) => Err(code),
                _ => cluster.append(broker, index, &batch).map(|appended| appended.base_offset()),
            };
            let result = match lot {
                Lot::AppliedAndRefused(code) => appended.and(Err(code)),
                _ => appended,
            };
            (index, batch, result)
        })
        .collect()
}

fn answer(cluster: &Cluster, broker: i32, applied: Applied) -> ProduceResponse {
    let partitions = applied.into_iter().map(|(index, batch, result)| {
        let stamp = batch.producer().expect("the producer is idempotent");
        let answer = PartitionProduceResponse::default().with_index(i32::try_from(index).expect("small"));
        let answer = answer.with_log_append_time_ms(-1);
        match result {
            Ok(base_offset) if cluster.answer(broker, index, stamp) => answer.with_base_offset(base_offset),
            refused => {
                let code = refused.err().unwrap_or(ErrorCode::NOT_LEADER_OR_FOLLOWER);
                let (leader, epoch) = cluster.leader(index);
                let moved = code == ErrorCode::NOT_LEADER_OR_FOLLOWER && leader != broker;
                let knows = moved && (cluster.is_calm() || cluster.random(2) == 0);
                let hint = LeaderIdAndEpoch::default().with_leader_id(BrokerId(leader)).with_leader_epoch(epoch);
                let answer = if knows { answer.with_current_leader(hint) } else { answer };
                answer.with_error_code(code.0).with_base_offset(-1).with_log_start_offset(-1)
            }
        }
    });
    let topic = TopicProduceResponse::default()
        .with_name(TopicName(StrBytes::from_static_str("orders")))
        .with_partition_responses(partitions.collect());
    ProduceResponse::default().with_responses(vec![topic])
}
