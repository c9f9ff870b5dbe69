use std::collections::BTreeMap;

use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse,
    create_topics_request::{CreatableTopic, CreatableTopicConfig},
};

use crate::{
    admin::{
        Admin,
        asking::{Asking, broker_timeout_ms, once_each},
        items::Results,
        wire::{text, topic_name, verdict},
    },
    client::{ConnectionKind, Target},
    error::Error,
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
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        CreatableTopic::default()
            .with_name(topic_name(&self.name))
            .with_num_partitions(self.partitions)
            .with_replication_factor(self.replication_factor)
            .with_configs(self.configs.iter().map(config).collect())
    }
}

impl Admin<'_> {
    /// Creates topics. A topic that exists is the error `TOPIC_ALREADY_EXISTS`; if an earlier attempt of this call
    /// may have created it, its [`Error::maybe_applied`] is true.
    ///
    /// # Errors
    /// A topic is named twice, or no broker answered in time; [`Error::maybe_applied`] says whether topics may have
    /// been created.
    ///
    /// # Cancel safety
    /// Dropping it may create the topics or not.
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        let wanted = once_each(topics.iter().map(|topic| (topic.name.clone(), topic)))?;
        let mut asking = Asking::new::<CreateTopicsRequest>(self.client, wanted.keys().cloned());
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let topics = asked.iter().filter_map(|name| wanted.get(name)).map(|topic| topic.request());
            let request =
                CreateTopicsRequest::default().with_topics(topics.collect()).with_timeout_ms(broker_timeout_ms(limit));
            let answer = self.client.call(Target::Controller, ConnectionKind::Slow, &request, limit).await;
            asking.answer(&asked, answer.map(read));
        }
        asking.into_results()
    }
}

fn read(answer: CreateTopicsResponse) -> Results<String, ()> {
    let topics = answer.topics.into_iter();
    topics
        .map(|topic| (topic.name.to_string(), verdict(topic.error_code, "CreateTopics", topic.error_message)))
        .collect()
}
