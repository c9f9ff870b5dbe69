use ottla::Error;
use tokio::time::Instant;

use super::{
    Metrics,
    labels::{Outcome, Topic},
};

/// A record on its way to the brokers. Dropping it counts the record as one of which nothing is known.
#[derive(Debug)]
#[must_use = "dropping it says that nothing is known of the record"]
pub struct Publishing {
    metrics: Metrics,
    topic: Topic,
    began: Instant,
    ended: bool,
}

impl Publishing {
    pub(super) fn new(metrics: Metrics, topic: &str) -> Self {
        let topic = Topic::of(topic);
        metrics.inner().producing.in_flight.get_or_create(&topic).inc();
        Self { metrics, topic, began: Instant::now(), ended: false }
    }

    /// The record was acknowledged, or not.
    pub fn ended(mut self, result: Result<(), &Error>) {
        self.ended = true;
        match result {
            Ok(()) => {
                self.metrics.inner().producing.messages.get_or_create(&self.topic).inc();
            }
            Err(error) => self.failed(if error.maybe_applied() { "unknown" } else { "failed" }),
        }
    }

    fn failed(&self, outcome: &'static str) {
        let labels = Outcome { topic: self.topic.topic.clone(), outcome };
        self.metrics.inner().producing.errors.get_or_create(&labels).inc();
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        let producing = &self.metrics.inner().producing;
        producing.in_flight.get_or_create(&self.topic).dec();
        producing.latency.get_or_create(&self.topic).observe(self.began.elapsed().as_secs_f64());
        if !self.ended {
            self.failed("unknown");
        }
    }
}

impl Metrics {
    /// Shows the metrics of a topic that is written to before anything is: an alert on an increase needs the zero.
    pub fn writes_to(&self, topic: &str) {
        let (producing, topic) = (&self.inner().producing, Topic::of(topic));
        for outcome in ["failed", "unknown"] {
            drop(producing.errors.get_or_create(&Outcome { topic: topic.topic.clone(), outcome }));
        }
        drop(producing.messages.get_or_create(&topic));
        drop(producing.latency.get_or_create(&topic));
        drop(producing.in_flight.get_or_create(&topic));
    }
}
