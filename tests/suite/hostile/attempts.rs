//! What a client tries while a broker lies to it.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, Event};
use ottla_embedded_broker::EmbeddedBroker;
use ottla_kafka_core::{
    Client, ClientBuilder, Error, ErrorKind, FetchConfig, Fetched, Fetcher, NewTopic, OffsetSpec, Producer,
    ProducerRecord, Sasl, Secret, Tls, TopicPartition,
};
use tokio::time::{Instant, timeout};

use super::{CALL_LIMIT, HUNG};

/// How long a session of a second is used.
const USED: Duration = Duration::from_millis(1_500);

/// Records in the topic before anybody lies.
pub(super) const RECORDS: usize = 10;

/// One call of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Learns about a topic.
    Metadata,
    /// Lists a partition's offsets.
    Offsets,
    /// Has a record acknowledged.
    Produce,
    /// Reads all records that were there.
    Fetch,
    /// Joins a group and reads all records.
    Group,
    /// Reads all records, and accepts batches of a mebibyte.
    FetchSmall,
    /// Learns about a topic over TLS.
    MetadataOverTls,
    /// Reads a group's offsets.
    GroupOffsets,
    /// Makes a topic.
    Create,
    /// Learns about a topic as a user of SCRAM-SHA-256.
    MetadataByScram,
    /// Learns about the cluster again and again as a user of PLAIN, for longer than a session of a second lasts.
    MetadataByPlain,
}

/// The topic and its records, told by nobody but the broker.
pub(super) async fn prepare(broker: &EmbeddedBroker, topic: &str) -> Result<(), Failed> {
    let client = Client::builder().bootstrap([broker.addr()]).connector(broker.connector()).build()?;
    for (_, created) in client.admin().create_topics(&[NewTopic::new(topic, 1, 1)]).await? {
        created?;
    }
    let producer = Producer::builder(&client).build()?;
    for number in 0..RECORDS {
        producer.send(ProducerRecord::to(topic).value(number.to_string())).await?;
    }
    producer.close().await;
    client.close().await;
    Ok(())
}

impl Attempt {
    /// The client that makes it.
    pub(super) fn client(self, builder: ClientBuilder) -> Result<Client, Error> {
        let password = || Secret::new("canary");
        match self {
            Self::MetadataOverTls => builder.tls(Tls::builder().system_roots().build()?),
            Self::MetadataByScram => builder.sasl(Sasl::scram_sha_256("me", password())),
            Self::MetadataByPlain => builder.sasl(Sasl::plain("me", password()).allow_plaintext()),
            _ => builder,
        }
        .build()
    }

    pub(super) async fn make(self, client: &Client, topic: &str) -> Result<(), Error> {
        match self {
            Self::Metadata | Self::MetadataOverTls | Self::MetadataByScram => {
                client.metadata().topics(&[topic]).await.and_then(|cluster| {
                    cluster.topic(topic).map(drop).ok_or_else(|| Error::invalid("the topic is not known"))
                })
            }
            Self::Offsets => {
                let wanted = [(TopicPartition::new(topic, 0), OffsetSpec::Latest)];
                client.admin().list_offsets(&wanted).await?.into_values().try_for_each(|listed| listed.map(drop))
            }
            Self::Produce => produce(client, topic).await,
            Self::Fetch => fetch(client, topic, FetchConfig::default()).await,
            Self::FetchSmall => fetch(client, topic, FetchConfig::default().max_decompressed_bytes(1 << 20)).await,
            Self::Group => Box::pin(group(client, topic)).await,
            Self::GroupOffsets => client.admin().group_offsets("nobody").await.map(drop),
            Self::Create => {
                let new = NewTopic::new(format!("{topic}-new"), 1, 1);
                client.admin().create_topics(&[new]).await?.into_values().try_for_each(|created| created.map(drop))
            }
            Self::MetadataByPlain => {
                let (mut generation, begun) = (0, Instant::now());
                while begun.elapsed() < USED {
                    generation = client.metadata().refresh_after(generation).await?.generation();
                }
                Ok(())
            }
        }
    }
}

async fn produce(client: &Client, topic: &str) -> Result<(), Error> {
    let builder = Producer::builder(client).max_block(CALL_LIMIT).delivery_timeout(CALL_LIMIT);
    let producer = builder.linger(Duration::ZERO).build()?;
    let sent = producer.send(ProducerRecord::to(topic).value("under lies")).await.map(drop);
    producer.close().await;
    sent
}

async fn fetch(client: &Client, topic: &str, config: FetchConfig) -> Result<(), Error> {
    let mut fetcher = Fetcher::new(client, config.max_wait(Duration::from_millis(100)));
    fetcher.assign(TopicPartition::new(topic, 0), 0);
    let reading = async {
        let mut next = 0;
        while next < RECORDS {
            match fetcher.next().await {
                Fetched::Records(records) => {
                    for record in records.iter() {
                        expect(record.value(), next)?;
                        next += 1;
                    }
                }
                Fetched::Progress { .. } | Fetched::Reset { .. } => {}
                Fetched::Failed { error, .. } => return Err(error),
            }
        }
        Ok(())
    };
    late(reading).await
}

async fn group(client: &Client, topic: &str) -> Result<(), Error> {
    let builder = Consumer::builder(client, "readers").topics([topic]);
    let mut consumer =
        builder.session_timeout(Duration::from_secs(6)).heartbeat_interval(Duration::from_secs(1)).build()?;
    let handle = consumer.handle();
    let reading = async {
        let mut next = 0;
        while next < RECORDS {
            if let Event::Records(records) = consumer.recv().await? {
                for record in records.iter() {
                    expect(record.value(), next)?;
                    next += 1;
                }
            }
        }
        Ok(())
    };
    let read = late(reading).await;
    // A group tries without end; what keeps it from succeeding is in its status.
    let read = read.map_err(|error| handle.status().last_error.unwrap_or(error));
    consumer.close().await?;
    read
}

fn expect(value: Option<&[u8]>, number: usize) -> Result<(), Error> {
    let text = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    if text == number.to_string() { Ok(()) } else { Err(Error::invalid(format!("read {text} instead of {number}"))) }
}

/// Readers try without end: after a while that is what is told.
async fn late(reading: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let limit = HUNG / 2;
    let late = |_| Error::new(ErrorKind::Timeout { what: "reading".to_owned(), after: limit });
    timeout(limit, reading).await.map_err(late)?
}
