//! A client without mercy: it speaks any version of any request, and an answer must be read to its last byte.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, RequestHeader,
        ResponseHeader, TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
        produce_request::{PartitionProduceData, TopicProduceData},
        produce_response::PartitionProduceResponse,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use ottla_embedded_broker::EmbeddedBroker;
use ottla_kafka_core::{
    Compression, Io,
    record::{BatchBuilder, ProducerStamp},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection.
pub(crate) struct Client {
    io: Io,
    correlation_id: i32,
}

impl Client {
    pub(crate) async fn connect(broker: &EmbeddedBroker) -> Self {
        Self::over(broker.connector().connect(&broker.addr()).await.expect("the broker is up"))
    }

    pub(crate) fn over(io: Io) -> Self {
        Self { io, correlation_id: 0 }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.try_call(request, version).await.expect("an answer")
    }

    /// Like `call`; `None` if the broker closes the connection instead.
    pub(crate) async fn try_call<R: Request>(&mut self, request: &R, version: i16) -> Option<R::Response> {
        self.send(request, version).await;
        self.receive::<R>(version).await
    }

    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) {
        self.correlation_id += 1;
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(text("client")));
        header.encode(&mut frame, R::header_version(version)).expect("a header");
        request.encode(&mut frame, version).expect("a request of this version");
        let length = i32::try_from(frame.len() - 4).expect("a short frame");
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.send_bytes(&frame).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.expect("the connection is open");
    }

    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let mut body = self.receive_frame().await?;
        let header_version = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut body, header_version).expect("a header");
        assert_eq!(header.correlation_id, self.correlation_id);
        let answer = R::Response::decode(&mut body, version);
        let answer = answer.expect("an answer of this version");
        assert!(!body.has_remaining(), "answer {} v{version}: {} bytes left over", R::KEY, body.len());
        Some(answer)
    }

    /// The next frame without its length, `None` if the broker closes the connection.
    pub(crate) async fn receive_frame(&mut self) -> Option<Bytes> {
        let length = self.io.read_i32().await.ok()?;
        let mut frame = vec![0; usize::try_from(length).expect("a length")];
        self.io.read_exact(&mut frame).await.ok()?;
        Some(frame.into())
    }
}

/// What most tests do, in one version.
impl Client {
    pub(crate) async fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> i16 {
        let config = |(name, value): &(&str, &str)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        let topic = CreatableTopic::default()
            .with_name(topic(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.iter().map(config).collect());
        let answer = self.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7).await;
        answer.topics[0].error_code
    }

    pub(crate) async fn produce(&mut self, topic: &str, partition: i32, records: Bytes) -> PartitionProduceResponse {
        only_produced(self.call(&produce_request(topic, partition, records), 9).await)
    }

    pub(crate) async fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        only_fetched(self.call(&fetch_request(topic, partition, offset), 12).await)
    }
}

/// A batch of one record.
pub(crate) fn one_record(timestamp: i64, stamp: Option<ProducerStamp>) -> Bytes {
    let mut batch = BatchBuilder::new();
    batch.push(timestamp, Some(b"key"), Some(b"value"), &[]);
    batch.finish(stamp, Compression::NONE).expect("nothing is compressed")
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn produce_request(name: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let data = TopicProduceData::default().with_name(topic(name)).with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1000)
        .with_transactional_id(None)
        .with_topic_data(vec![data])
}

/// Asks for at least one byte and does not wait for it.
pub(crate) fn fetch_request(name: &str, partition: i32, offset: i64) -> FetchRequest {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default().with_topic(topic(name)).with_partitions(vec![wanted]);
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![wanted])
}

pub(crate) fn only_produced(answer: ProduceResponse) -> PartitionProduceResponse {
    answer.responses[0].partition_responses[0].clone()
}

pub(crate) fn only_fetched(answer: FetchResponse) -> PartitionData {
    assert_eq!(answer.error_code, 0);
    answer.responses[0].partitions[0].clone()
}
