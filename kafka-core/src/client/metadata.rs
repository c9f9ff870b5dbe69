//! Asking for metadata: when, of whom, and for which topics.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use kafka_protocol::{
    messages::{MetadataRequest, TopicName, metadata_request::MetadataRequestTopic},
    protocol::StrBytes,
};

use super::{Attempts, Client, Target};
use crate::{
    error::Error,
    flight::Flight,
    metadata::Cluster,
    network::ConnectionKind,
    protocol::{ErrorCode, LeaderHint, NodeEndpoint, by_version},
    topic_partition::TopicPartition,
};

/// A client's view of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Metadata<'a> {
    client: &'a Client,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// What is known right now, without asking.
    pub fn cluster(&self) -> Arc<Cluster> {
        self.client.cluster()
    }

    /// The cluster with these topics: from memory if they are known, else from a broker. A topic that does not exist
    /// is there with its error. Topics are never created by asking.
    ///
    /// # Errors
    /// No broker answered within the default API timeout.
    ///
    /// # Cancel safety
    /// Safe: at worst the answer is asked for again.
    pub async fn topics(&self, names: &[&str]) -> Result<Arc<Cluster>, Error> {
        let cluster = self.cluster();
        let known = |name: &&str| cluster.topic(name).is_some_and(|topic| topic.error().is_none());
        if cluster.generation() > 0 && names.iter().all(known) {
            return Ok(cluster);
        }
        {
            let mut wanted = self.client.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.extend(names.iter().map(|name| Arc::from(*name)));
        }
        self.refresh_after(cluster.generation()).await
    }

    /// A cluster of a later generation than `generation`, asked for unless somebody already has.
    ///
    /// # Errors
    /// No broker answered within the default API timeout.
    ///
    /// # Cancel safety
    /// Safe: at worst the answer is asked for again.
    pub async fn refresh_after(&self, generation: u64) -> Result<Arc<Cluster>, Error> {
        loop {
            let cluster = self.cluster();
            if cluster.generation() > generation {
                return Ok(cluster);
            }
            match self.refresh().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Err(Error::closed()),
            }
        }
    }

    /// Takes in the leaders that brokers named beside an error (KIP-951). Whether that was news.
    pub(crate) fn learn(&self, hints: &[(TopicPartition, LeaderHint)], nodes: &[NodeEndpoint]) -> bool {
        let mut current = self.client.shared.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        match current.with_leaders(hints, nodes) {
            Some(fresh) => {
                *current = Arc::new(fresh);
                true
            }
            None => false,
        }
    }

    /// Waits for the refresh that is under way, or for a new one.
    fn refresh(&self) -> impl Future<Output = Option<Result<Arc<Cluster>, Error>>> + Send + use<> {
        let mut refreshing = self.client.shared.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = match refreshing.take().filter(Flight::is_under_way) {
            Some(flight) => flight,
            None => {
                let client = self.client.clone();
                Flight::start(self.client.env(), "metadata", async move {
                    Metadata::new(&client).ask_until_answered().await
                })
            }
        };
        refreshing.insert(flight).landing()
    }

    async fn ask_until_answered(&self) -> Result<Arc<Cluster>, Error> {
        let mut attempts = Attempts::new(self.client.env(), "metadata", self.client.default_api_timeout());
        loop {
            // One silent broker may not use up the time of the call: another is asked in the second half.
            let limit = attempts.left(self.client.request_timeout()) / 2;
            match self.ask(limit).await {
                Ok(cluster) => return Ok(cluster),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    async fn ask(&self, limit: Duration) -> Result<Arc<Cluster>, Error> {
        let shared = &self.client.shared;
        let wanted: Vec<Arc<str>> =
            shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let request = by_version(|version| {
            let topics = wanted.iter().map(|name| {
                MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.to_string()))))
            });
            // Version 0 has no auto-creation flag and takes an empty list for "all".
            MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(version < 4)
        });
        let answer = self.client.call(Target::Any, ConnectionKind::Control, &request, limit).await?;
        if answer.brokers.is_empty() {
            // A broker that starts knows of no broker yet; believing it would forget them all.
            return Err(Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, "Metadata"));
        }
        let mut current = shared.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Arc::new(current.after(answer));
        *current = Arc::clone(&fresh);
        drop(current);
        let mut known = fresh.addresses();
        known.extend(self.client.bootstrap().iter().cloned());
        shared.connections.retain(&known);
        Ok(fresh)
    }
}
