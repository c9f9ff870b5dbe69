use std::time::Duration;

use ottla::{
    Error, TopicPartition,
    delivery::{DeliveryRecord, ErrorClass, Settlement, StallReason, WorkerObserver},
};

use super::{
    Metrics,
    labels::{Failure, Group, GroupPartition, Settled, Topic},
    registry::PartitionState,
};

/// Counts what one worker does.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    metrics: Metrics,
    group: String,
}

impl WorkerMetrics {
    pub(super) fn new(metrics: Metrics, group: &str) -> Self {
        let labels = Group { group: group.to_owned() };
        let consuming = &metrics.inner().consuming;
        for counter in [&consuming.commits, &consuming.commit_failures, &consuming.rebalances] {
            drop(counter.get_or_create(&labels));
        }
        drop(consuming.assigned.get_or_create(&labels));
        Self { metrics, group: labels.group }
    }

    /// Shows the metrics of a topic that is read before anything is: an alert on an increase needs the zero.
    #[must_use]
    pub fn topics(self, topics: &[&str]) -> Self {
        let consuming = &self.metrics.inner().consuming;
        for topic in topics {
            let labels = Topic::of(topic);
            for counter in [&consuming.messages, &consuming.dead_letters, &consuming.retries] {
                drop(counter.get_or_create(&labels));
            }
            drop(consuming.processing.get_or_create(&labels));
            drop(consuming.settled.get_or_create(&Settled { topic: labels.topic, settlement: "handled" }));
        }
        self
    }

    fn group(&self) -> Group {
        Group { group: self.group.clone() }
    }

    fn partition(&self, topic_partition: &TopicPartition, change: impl FnOnce(&mut PartitionState)) {
        let key = GroupPartition {
            group: self.group.clone(),
            topic: topic_partition.topic().to_owned(),
            partition: topic_partition.partition(),
        };
        change(self.metrics.inner().partitions().entry(key).or_default());
    }
}

impl WorkerObserver for WorkerMetrics {
    fn assigned(&self, partitions: &[TopicPartition]) {
        let consuming = &self.metrics.inner().consuming;
        consuming.rebalances.get_or_create(&self.group()).inc();
        for topic_partition in partitions {
            // Its old member's, if it had been here before.
            self.partition(topic_partition, |state| *state = PartitionState::default());
        }
    }

    fn released(&self, partitions: &[TopicPartition]) {
        self.metrics.forget(&self.group, partitions);
    }

    fn delivered(&self, topic_partition: &TopicPartition, records: u64) {
        let topic = Topic::of(topic_partition.topic());
        self.metrics.inner().consuming.messages.get_or_create(&topic).inc_by(records);
        self.partition(topic_partition, |state| state.in_flight += i64::try_from(records).unwrap_or(i64::MAX));
    }

    fn attempt_failed(&self, topic_partition: &TopicPartition, _attempt: u32, class: &ErrorClass, retried: bool) {
        let (consuming, topic) = (&self.metrics.inner().consuming, topic_partition.topic().to_owned());
        if retried {
            consuming.retries.get_or_create(&Topic { topic: topic.clone() }).inc();
        }
        consuming.failures.get_or_create(&Failure { topic, class: class.to_string() }).inc();
    }

    fn settled(&self, topic_partition: &TopicPartition, settlement: &Settlement, _attempts: u32) {
        let settlement = match settlement {
            Settlement::Handled => "handled",
            Settlement::Filtered => "filtered",
            Settlement::Deduplicated => "deduplicated",
            Settlement::DeadLettered(_) => "dead-lettered",
            Settlement::Parked(_) => "parked",
            _ => "other",
        };
        let topic = topic_partition.topic().to_owned();
        self.metrics.inner().consuming.settled.get_or_create(&Settled { topic, settlement }).inc();
        self.partition(topic_partition, |state| state.in_flight = state.in_flight.saturating_sub(1).max(0));
    }

    fn dead_lettered(&self, record: &DeliveryRecord, _class: &ErrorClass) {
        let topic = Topic::of(record.topic_partition().topic());
        self.metrics.inner().consuming.dead_letters.get_or_create(&topic).inc();
    }

    fn processing_seconds(&self, topic_partition: &TopicPartition, taken: Duration) {
        let topic = Topic::of(topic_partition.topic());
        self.metrics.inner().consuming.processing.get_or_create(&topic).observe(taken.as_secs_f64());
    }

    fn lag(&self, topic_partition: &TopicPartition, records: i64) {
        self.partition(topic_partition, |state| state.lag = Some(records));
    }

    fn stalled(&self, topic_partition: &TopicPartition, _reason: &StallReason) {
        self.partition(topic_partition, |state| state.stalled = true);
    }

    fn resumed(&self, topic_partition: &TopicPartition) {
        self.partition(topic_partition, |state| state.stalled = false);
    }

    fn committed(&self, _topic_partition: &TopicPartition, _offset: i64) {
        self.metrics.inner().consuming.commits.get_or_create(&self.group()).inc();
    }

    fn commit_failed(&self, _error: &Error) {
        self.metrics.inner().consuming.commit_failures.get_or_create(&self.group()).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Format;

    #[test]
    fn the_documents_names_are_there() {
        let metrics = Metrics::new();
        let orders = TopicPartition::new("orders", 2);
        metrics.publishing("orders").ended(Ok(()));
        let worker = metrics.observe("orders-consumer-group").topics(&["orders"]);
        worker.lag(&orders, 7);
        worker.dead_lettered(&DeliveryRecord::new(orders.clone(), 0, 0), &ErrorClass::UNDECODABLE);
        worker.processing_seconds(&orders, Duration::from_millis(30));
        let text = metrics.text(Format::Prometheus).expect("text");
        for line in [
            "# TYPE kafka_producer_messages_total counter",
            "kafka_producer_messages_total{topic=\"orders\"} 1",
            "kafka_consumer_lag{group=\"orders-consumer-group\",topic=\"orders\",partition=\"2\"} 7",
            "kafka_dlq_messages_total{topic=\"orders\"} 1",
            "kafka_processing_duration_seconds_bucket{le=\"0.025\",topic=\"orders\"} 0",
            "kafka_processing_duration_seconds_bucket{le=\"5.0\",topic=\"orders\"} 1",
            "kafka_processing_duration_seconds_bucket{le=\"10.0\",topic=\"orders\"} 1",
        ] {
            assert!(text.lines().any(|has| has == line), "{line}\n{text}");
        }
    }

    #[test]
    fn an_alert_on_an_increase_finds_the_zero_before_it() {
        let metrics = Metrics::new();
        metrics.writes_to("orders");
        let _worker = metrics.observe("group").topics(&["orders"]);
        let text = metrics.text(Format::Prometheus).expect("text");
        for line in [
            "kafka_dlq_messages_total{topic=\"orders\"} 0",
            "kafka_producer_messages_total{topic=\"orders\"} 0",
            "kafka_producer_errors_total{topic=\"orders\",outcome=\"failed\"} 0",
            "kafka_consumer_commit_failures_total{group=\"group\"} 0",
        ] {
            assert!(text.lines().any(|has| has == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_partition_given_away_is_forgotten() {
        let metrics = Metrics::new();
        let (kept, gone) = (TopicPartition::new("orders", 0), TopicPartition::new("orders", 1));
        let worker = metrics.observe("group");
        worker.lag(&kept, 1);
        worker.lag(&gone, 2);
        worker.stalled(&gone, &StallReason::NoRoute);
        metrics.assigned("group", std::slice::from_ref(&kept));
        let text = metrics.text(Format::OpenMetrics).expect("text");
        assert!(text.contains("partition=\"0\"") && !text.contains("partition=\"1\""), "{text}");
    }
}
