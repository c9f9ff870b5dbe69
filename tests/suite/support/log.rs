use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use bytes::Bytes;
use libtest_mimic::Failed;
use ottla_kafka_core::{
    Client, ConnectionKind, Recovery, Target, TopicPartition,
    protocol::{ErrorCode, Fetch, FetchPartition, FetchTopic, FetchedPartition},
    record::{Batch, Codec, Decompression, RecordView, batches},
};
use tokio::time::timeout;

use crate::harness::{Context, Outcome};

const LIMIT: Duration = Duration::from_secs(60);

/// A record as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
}

impl Logged {
    /// The value as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

/// All records of `topic` up to the end that each partition has when it is first read, by a client of its own and by
/// plain Fetch requests: what a test judges by shares as little as can be with what it judges.
pub(crate) async fn read_log(cx: &Context, topic: &str) -> Result<Vec<Logged>, Failed> {
    let client = cx.client()?;
    let records = read_log_by(&client, topic).await;
    client.close().await;
    records
}

/// The same by a client that is given, on a cluster that is not the lane's.
pub(crate) async fn read_log_by(client: &Client, topic: &str) -> Result<Vec<Logged>, Failed> {
    let mut records = Vec::new();
    read_batches(client, topic, &mut |partition, _, record| records.push(logged(partition, record))).await?;
    Ok(records)
}

/// What is told of a record: its partition, its batch and itself.
type Seen<'a> = dyn FnMut(i32, &Batch, &RecordView<'_>) + Send + 'a;

async fn read_batches(client: &Client, topic: &str, seen: &mut Seen<'_>) -> Outcome {
    let reading = async {
        let cluster = client.metadata().topics(&[topic]).await?;
        let partitions = cluster.topic(topic).ok_or("the topic is gone")?.partitions().len();
        for partition in 0..i32::try_from(partitions)? {
            read_partition(client, &TopicPartition::new(topic, partition), seen).await?;
        }
        Ok(())
    };
    timeout(LIMIT, reading).await.map_err(|_| format!("{topic} is not read within {LIMIT:?}"))?
}

async fn read_partition(client: &Client, of: &TopicPartition, seen: &mut Seen<'_>) -> Outcome {
    let (mut offset, mut end) = (0, None);
    while end.is_none_or(|end| offset < end) {
        let cluster = client.metadata().topics(&[of.topic()]).await?;
        let answer = match cluster.leader(of) {
            Some(leader) => fetch(client, leader, of, offset).await?,
            None => ControlFlow::Continue(()),
        };
        let ControlFlow::Break(fetched) = answer else {
            client.metadata().refresh_after(cluster.generation()).await?;
            continue;
        };
        end = end.or(Some(fetched.high_watermark));
        for batch in batches(fetched.records) {
            let batch = batch?;
            for record in &batch.records(Decompression::default())? {
                let record = record?;
                // A batch is sent whole even if the first offset asked for is in its middle.
                if record.offset() >= offset && !batch.is_control() {
                    seen(of.partition(), &batch, &record);
                }
            }
            offset = batch.next_offset().max(offset);
        }
    }
    Ok(())
}

/// The codec of the batch that the last record of each key stands in.
pub(crate) async fn read_codecs(cx: &Context, topic: &str) -> Result<BTreeMap<Bytes, Codec>, Failed> {
    let client = cx.client()?;
    let mut codecs = BTreeMap::new();
    read_batches(&client, topic, &mut |_, batch, record| {
        codecs.insert(Bytes::copy_from_slice(record.key().unwrap_or_default()), batch.codec());
    })
    .await?;
    client.close().await;
    Ok(codecs)
}

/// One request; Continue if the leader has moved.
async fn fetch(
    client: &Client,
    leader: i32,
    of: &TopicPartition,
    offset: i64,
) -> Result<ControlFlow<FetchedPartition>, Failed> {
    let cluster = client.metadata().cluster();
    let id = cluster.topic(of.topic()).ok_or("the topic is gone")?.id();
    let max_bytes = 8 << 20;
    let partition = FetchPartition { index: of.partition(), current_leader_epoch: -1, offset, max_bytes };
    let topic = FetchTopic { name: of.topic_shared(), id, partitions: vec![partition] };
    let request = Fetch { max_wait_ms: 500, min_bytes: 1, max_bytes, isolation: 0, topics: vec![topic] };
    let target = Target::Broker(leader);
    let mut answer = match client.call(target, ConnectionKind::Fetch, &request, Duration::from_secs(10)).await {
        Ok(answer) => answer,
        Err(error) if error.is_retriable() => return Ok(ControlFlow::Continue(())),
        Err(error) => return Err(error.into()),
    };
    let fetched = answer.partitions.pop().ok_or("Fetch answers nothing")?;
    match fetched.code {
        ErrorCode::NONE => Ok(ControlFlow::Break(fetched)),
        code if matches!(code.recovery(), Recovery::Retry | Recovery::RefreshMetadata) => Ok(ControlFlow::Continue(())),
        code => Err(format!("{of}: {code}").into()),
    }
}

/// A record with everything owned.
pub(crate) fn logged(partition: i32, record: &RecordView<'_>) -> Logged {
    let copy = Bytes::copy_from_slice;
    let header = |(name, value): (&[u8], Option<&[u8]>)| (String::from_utf8_lossy(name).into_owned(), value.map(copy));
    Logged {
        partition,
        offset: record.offset(),
        timestamp: record.timestamp(),
        key: record.key().map(copy),
        value: record.value().map(copy),
        headers: record.headers().map(header).collect(),
    }
}
