use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{
    BrokerAddr, Client, ConnectionKind, ErrorCode, Target,
    protocol::{
        kafka_protocol::protocol::StrBytes,
        messages::{
            CreateTopicsRequest, TopicName,
            create_topics_request::{CreatableTopic, CreatableTopicConfig},
        },
    },
};

use crate::harness::Context;

impl Context {
    /// The brokers' addresses as the client takes them.
    pub(crate) fn bootstrap(&self) -> Result<Vec<BrokerAddr>, Failed> {
        self.fixture().addresses().iter().map(|address| address.parse().map_err(Failed::from)).collect()
    }

    /// A client with the defaults.
    pub(crate) fn client(&self) -> Result<Client, Failed> {
        Ok(Client::builder().bootstrap(self.bootstrap()?).build()?)
    }

    /// Creates a topic of the test's own.
    pub(crate) async fn topic(&self, client: &Client, what: &str, partitions: i32) -> Result<String, Failed> {
        let name = self.unique(what);
        self.create_topic(client, &name, partitions, &[]).await?;
        Ok(name)
    }

    /// Creates a topic with as many replicas as there are brokers, at most three.
    pub(crate) async fn create_topic(
        &self,
        client: &Client,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), Failed> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let replicas = i16::try_from(self.fixture().offers().nodes.min(3))?;
        let configs = settings
            .iter()
            .map(|(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value))));
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas)
            .with_configs(configs.collect());
        let limit = Duration::from_secs(20);
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(20_000);
        client.metadata().topics(&[]).await?;
        let answer = client.call(Target::Controller, ConnectionKind::Slow, &request, limit).await?;
        match answer.topics.first() {
            Some(created) if created.error_code == 0 => self.await_topic(client, name).await,
            Some(refused) => Err(format!("{name}: {}", ErrorCode(refused.error_code)).into()),
            None => Err("CreateTopics answers nothing".into()),
        }
    }

    /// Waits until the brokers know the leaders of a new topic.
    async fn await_topic(&self, client: &Client, name: &str) -> Result<(), Failed> {
        loop {
            let cluster = client.metadata().topics(&[name]).await?;
            let led = |topic: &ottla_kafka_core::Topic| {
                topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader.is_some())
            };
            if cluster.topic(name).is_some_and(led) {
                return Ok(());
            }
            client.metadata().refresh_after(cluster.generation()).await?;
        }
    }
}
