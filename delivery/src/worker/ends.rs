//! The log's end of partitions that are not fetched: what is paused still lags, and more by the minute.

use std::{collections::BTreeMap, time::Duration};

use ottla_kafka_core::{BoxFuture, Error, TopicPartition};
use tokio::time::Instant;

use super::{
    engine::{Engine, timed_out},
    partition::AssignedState,
    ports::EndsAnswer,
};

/// A partition that is fetched tells its end with every answer; so often is asked about the others.
const EVERY: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(10);

/// The question that is on its way, and when the next one may follow.
#[derive(Default)]
pub(super) struct Ends {
    asked: Option<Instant>,
    answer: Option<BoxFuture<'static, EndsAnswer>>,
}

impl Ends {
    /// Waits for the answer; for ever if nothing was asked. Cancel-safe: the question stays in its place until then.
    pub(super) async fn answer(&mut self) -> EndsAnswer {
        let Some(answer) = self.answer.as_mut() else { return std::future::pending().await };
        let ends = answer.await;
        self.answer = None;
        ends
    }

    fn is_due(&self) -> bool {
        self.answer.is_none() && self.asked.is_none_or(|asked| asked.elapsed() >= EVERY)
    }

    fn ask(&mut self, call: BoxFuture<'static, EndsAnswer>) {
        self.asked = Some(Instant::now());
        self.answer = Some(Box::pin(async move {
            tokio::time::timeout(LIMIT, call).await.unwrap_or_else(|_| Err(timed_out("end offsets", LIMIT)))
        }));
    }
}

impl Engine {
    /// Asks for the ends of what is paused, if it is time.
    pub(super) fn ask_ends(&mut self) {
        if !self.ends.is_due() {
            return;
        }
        let paused = self.partitions.iter().filter(|(_, state)| state.is_paused());
        let paused: Vec<_> = paused.map(|(topic_partition, _)| topic_partition.clone()).collect();
        if !paused.is_empty() {
            self.ends.ask(self.group.end_offsets(paused));
        }
    }

    pub(super) fn ends_answered(&mut self, answer: EndsAnswer) {
        let ends: BTreeMap<TopicPartition, Result<i64, Error>> = answer.unwrap_or_else(|error| {
            // The next answer will tell; an outage is told elsewhere.
            tracing::debug!(%error, "the ends of paused partitions are not known");
            BTreeMap::new()
        });
        for (topic_partition, end) in ends.into_iter().filter_map(|(partition, end)| Some((partition, end.ok()?))) {
            // What was resumed meanwhile knows better.
            let paused = self.partitions.get_mut(&topic_partition).filter(|state| AssignedState::is_paused(state));
            if let Some(partition) = paused {
                partition.saw_end(end);
                self.observe_lag(&topic_partition);
            }
        }
    }
}
