use libtest_mimic::Failed;
use ottla_kafka_core::{BrokerAddr, Client, NewTopic, Topic};

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
        let replicas = i16::try_from(self.fixture().offers().nodes.min(3))?;
        let topic = NewTopic::new(name, partitions, replicas);
        let topic = settings.iter().fold(topic, |topic, (name, value)| topic.config(*name, *value));
        for (name, created) in client.admin().create_topics(&[topic]).await? {
            created.map_err(|error| format!("{name}: {error}"))?;
        }
        self.await_topic(client, name).await
    }

    /// Waits until the brokers know the leaders of a new topic.
    async fn await_topic(&self, client: &Client, name: &str) -> Result<(), Failed> {
        loop {
            let cluster = client.metadata().topics(&[name]).await?;
            let led = |topic: &Topic| {
                topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader.is_some())
            };
            if cluster.topic(name).is_some_and(led) {
                return Ok(());
            }
            client.metadata().refresh_after(cluster.generation()).await?;
        }
    }
}
