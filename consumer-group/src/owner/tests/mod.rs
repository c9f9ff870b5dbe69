//! The owner against a scripted coordinator and fetcher, in paused time.

mod alone;
mod closing;
mod commits;
mod fake;
mod partitions;
mod recreated;
mod simulation;
mod trouble;

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::{Env, Error, ErrorCode, FetchConfig, Task, TopicPartition};
use tokio::time::timeout;

use super::{Asks, COMMITS_MAX, Owner, Shared};
use crate::{
    config::GroupConfig, event::Event, handle::ConsumerHandle, offsets::OffsetAndMetadata, owner::Outcomes,
    questions::ClusterSide,
};
use fake::{Fake, FakeFetcher, Fault};

/// A consumer whose cluster is a [`Fake`].
struct Group {
    fake: Arc<Fake>,
    shared: Arc<Shared>,
    handle: ConsumerHandle,
    owner: Task,
}

fn group() -> Group {
    group_with(|_| {})
}

fn group_with(change: impl FnOnce(&mut GroupConfig)) -> Group {
    let mut config = GroupConfig::new("g".to_owned());
    config.topics = vec!["t".into()];
    change(&mut config);
    config.check(&FetchConfig::default()).expect("valid settings");
    let (fake, shared) = (Arc::new(Fake::default()), Arc::new(Shared::new()));
    let (asks, asked) = Asks::new();
    let handle = ConsumerHandle::new(Arc::clone(&shared), asks, config.commit_timeout, ClusterSide::nowhere());
    let fetcher = FakeFetcher(Arc::clone(&fake));
    let owner = Owner::new(Arc::new(config), Arc::clone(&fake), fetcher, Arc::clone(&shared), asked);
    let owner = Env::system().spawn("group", owner.run());
    Group { fake, shared, handle, owner }
}

impl Group {
    /// The next event, in words, within ten minutes.
    async fn next(&self) -> String {
        words(&self.recv().await)
    }

    async fn recv(&self) -> Result<Event, Error> {
        timeout(Duration::from_secs(600), self.shared.recv()).await.expect("consumption resumes")
    }

    /// Receives until it has its partitions.
    async fn assigned(self) -> Self {
        assert_eq!(self.next().await, "assigned t-0@0 t-1@0");
        self
    }

    /// Waits, without polling, until `done`.
    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if done(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}; the calls were {:?}", self.fake.calls());
    }

    /// Commits `offset` of partition 0; the outcome in words.
    async fn commit(&self, offset: i64) -> String {
        outcome(self.handle.commit([(tp(0), OffsetAndMetadata::new(offset))]).await)
    }
}

fn outcome(outcome: Result<Outcomes, Error>) -> String {
    match outcome {
        Ok(outcomes) => match outcomes.get(&tp(0)) {
            Some(Ok(())) => "committed".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => format!("{outcomes:?}"),
        },
        Err(error) => format!("failed: {error}"),
    }
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn words(event: &Result<Event, Error>) -> String {
    let names = |all: &[TopicPartition]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    match event {
        Ok(Event::Assigned(all)) => {
            let all = all.iter().map(|a| format!("{}@{}", a.topic_partition, a.position)).collect::<Vec<_>>();
            format!("assigned {}", all.join(" ")).trim_end().to_owned()
        }
        Ok(Event::Revoking(guard)) => format!("revoking {}", names(guard.partitions())),
        Ok(Event::Lost(lost)) => format!("lost {}", names(lost)),
        Ok(Event::Position { topic_partition, offset }) => format!("position {topic_partition}@{offset}"),
        Ok(Event::Records(records)) => format!("records {}", records.topic_partition()),
        Err(error) => format!("error: {error}"),
    }
}
