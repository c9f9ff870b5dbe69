use std::time::Duration;

use ottla::{
    Error, TopicPartition,
    delivery::{DeliveryRecord, ErrorClass, Settlement, StallReason, WorkerObserver},
};

use super::{DeadLetter, Families, Group, GroupPartition, Metrics, Settled, Topic};

/// Counts what one worker does.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    metrics: Metrics,
    group: String,
}

impl WorkerMetrics {
    pub(super) fn new(metrics: Metrics, group: &str) -> Self {
        Self { metrics, group: group.to_owned() }
    }

    fn families(&self) -> &Families {
        &self.metrics.0.families
    }

    fn partition(&self, topic_partition: &TopicPartition) -> GroupPartition {
        GroupPartition {
            group: self.group.clone(),
            topic: topic_partition.topic().to_owned(),
            partition: topic_partition.partition(),
        }
    }
}

impl WorkerObserver for WorkerMetrics {
    fn attempt_failed(&self, topic_partition: &TopicPartition, _attempt: u32, _class: &ErrorClass, retried: bool) {
        if retried {
            self.families().retries.get_or_create(&Topic { topic: topic_partition.topic().to_owned() }).inc();
        }
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
        self.families().settled.get_or_create(&Settled { topic, settlement }).inc();
    }

    fn dead_lettered(&self, record: &DeliveryRecord, class: &ErrorClass) {
        let topic = record.topic_partition().topic().to_owned();
        self.families().dead_letters.get_or_create(&DeadLetter { topic, kind: class.to_string() }).inc();
    }

    fn processing_seconds(&self, topic_partition: &TopicPartition, taken: Duration) {
        let topic = topic_partition.topic().to_owned();
        self.families().processing.get_or_create(&Topic { topic }).observe(taken.as_secs_f64());
    }

    fn lag(&self, topic_partition: &TopicPartition, records: i64) {
        self.metrics.lags().insert(self.partition(topic_partition), records);
    }

    fn stalled(&self, topic_partition: &TopicPartition, _reason: &StallReason) {
        self.families().stalled.get_or_create(&self.partition(topic_partition)).set(1);
    }

    fn resumed(&self, topic_partition: &TopicPartition) {
        self.families().stalled.get_or_create(&self.partition(topic_partition)).set(0);
    }

    fn commit_failed(&self, _error: &Error) {
        self.families().commit_failures.get_or_create(&Group { group: self.group.clone() }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_names_are_there() {
        let metrics = Metrics::new();
        let orders = TopicPartition::new("orders", 2);
        metrics.produced("orders", true);
        let worker = metrics.observe("orders-consumer-group");
        worker.lag(&orders, 7);
        worker.dead_lettered(&DeliveryRecord::new(orders.clone(), 0, 0), &ErrorClass::UNDECODABLE);
        worker.processing_seconds(&orders, Duration::from_millis(30));
        let text = metrics.text().expect("text");
        for line in [
            "kafka_producer_messages_total{topic=\"orders\",outcome=\"acknowledged\"} 1",
            "kafka_consumer_lag{group=\"orders-consumer-group\",topic=\"orders\",partition=\"2\"} 7",
            "kafka_dlq_messages_total{topic=\"orders\",kind=\"undecodable\"} 1",
            "kafka_processing_duration_seconds_bucket{le=\"0.025\",topic=\"orders\"} 0",
            "kafka_processing_duration_seconds_bucket{le=\"5.0\",topic=\"orders\"} 1",
            "kafka_processing_duration_seconds_bucket{le=\"10.0\",topic=\"orders\"} 1",
        ] {
            assert!(text.lines().any(|has| has == line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_lag_of_a_partition_given_away_is_forgotten() {
        let metrics = Metrics::new();
        let (kept, gone) = (TopicPartition::new("orders", 0), TopicPartition::new("orders", 1));
        let worker = metrics.observe("group");
        worker.lag(&kept, 1);
        worker.lag(&gone, 2);
        metrics.assigned("group", std::slice::from_ref(&kept));
        let text = metrics.text().expect("text");
        assert!(text.contains("partition=\"0\"") && !text.contains("partition=\"1\""), "{text}");
    }
}
