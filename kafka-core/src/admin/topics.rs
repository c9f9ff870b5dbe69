use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        CreateTopicsRequest, TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
    },
    protocol::StrBytes,
};

use crate::{
    client::{Attempts, Client, ConnectionKind, Target},
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct NewTopic {
    name: String,
    partitions: i32,
    replication_factor: i16,
    configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with this many partitions and copies of each; −1 leaves either to the brokers.
    pub fn new(name: impl Into<String>, partitions: i32, replication_factor: i16) -> Self {
        Self { name: name.into(), partitions, replication_factor, configs: BTreeMap::new() }
    }

    /// One of the topic's settings, such as `max.message.bytes`.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> CreatableTopic {
        let config = |(name, value): (&String, &String)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        };
        CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(self.name.clone())))
            .with_num_partitions(self.partitions)
            .with_replication_factor(self.replication_factor)
            .with_configs(self.configs.iter().map(config).collect())
    }
}

pub(super) async fn create(client: &Client, topics: &[NewTopic]) -> Result<Vec<(String, Result<(), Error>)>, Error> {
    let mut attempts = Attempts::new(client.env(), "CreateTopics", client.default_api_timeout());
    loop {
        match create_once(client, topics, &attempts).await {
            Ok(results) => return Ok(results),
            Err(error) => attempts.after(error).await?,
        }
    }
}

async fn create_once(
    client: &Client,
    topics: &[NewTopic],
    attempts: &Attempts,
) -> Result<Vec<(String, Result<(), Error>)>, Error> {
    let limit = attempts.left(client.request_timeout());
    // The broker gives up first, so that its answer says what happened.
    let timeout_ms = i32::try_from((limit / 2).as_millis()).unwrap_or(i32::MAX);
    let request = CreateTopicsRequest::default()
        .with_topics(topics.iter().map(NewTopic::request).collect())
        .with_timeout_ms(timeout_ms);
    let answer = client.call(Target::Controller, ConnectionKind::Slow, &request, limit).await?;
    let mut results: BTreeMap<String, Result<(), Error>> = BTreeMap::new();
    for topic in answer.topics {
        let code = ErrorCode(topic.error_code);
        if code == ErrorCode::NOT_CONTROLLER {
            return Err(Error::broker(code, "CreateTopics"));
        }
        let message = topic.error_message.map(|message| message.to_string());
        let result = match code {
            ErrorCode::NONE => Ok(()),
            code => Err(Error::new(ErrorKind::Broker { code, api: "CreateTopics", topic_partition: None, message })),
        };
        results.insert(topic.name.to_string(), result);
    }
    let missing = || {
        let detail = "CreateTopics answered without one of its topics".to_owned();
        Err(Error::new(ErrorKind::Protocol { broker: None, detail }).with_maybe_applied(true))
    };
    let result = |topic: &NewTopic| (topic.name.clone(), results.remove(&topic.name).unwrap_or_else(missing));
    Ok(topics.iter().map(result).collect())
}

pub(super) async fn partition_count(client: &Client, topic: &str) -> Result<usize, Error> {
    let mut attempts = Attempts::new(client.env(), "Metadata", client.default_api_timeout());
    loop {
        let cluster = client.metadata().topics(&[topic]).await?;
        let code = match cluster.topic(topic) {
            Some(known) if known.error().is_none() => return Ok(known.partitions().len()),
            Some(known) => known.error().unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        };
        let error = Error::broker(code, "Metadata");
        if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
            return Err(error);
        }
        attempts.after(error).await?;
    }
}
