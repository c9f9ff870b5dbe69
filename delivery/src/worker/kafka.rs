//! The worker's ports on a real consumer and a real producer.

use ottla_consumer_group::{Consumer, ConsumerHandle, Event, GroupState, OffsetAndMetadata, Records};
use ottla_kafka_core::{BoxFuture, Error, ErrorKind, Producer, ProducerRecord, TopicPartition};

use super::ports::{
    AssignedPartition, CommitAnswer, EndsAnswer, Group, GroupFacts, Revocation, Sink, Source, SourceEvent,
    SourceRecords,
};
use crate::{outgoing::OutgoingRecord, record::DeliveryRecord, settlement::Acked};

impl Source for Consumer {
    fn recv(&mut self) -> BoxFuture<'_, Result<SourceEvent, Error>> {
        Box::pin(async move {
            loop {
                return match Self::recv(self).await {
                    Ok(event) => match translated(event) {
                        Some(event) => Ok(event),
                        None => continue,
                    },
                    Err(error) => match partition_of(&error) {
                        Some(topic_partition) => Ok(SourceEvent::Failed { topic_partition, error }),
                        None => Err(error),
                    },
                };
            }
        })
    }

    fn group(&self) -> Box<dyn Group> {
        let facts = GroupFacts {
            group_id: self.group_id().into(),
            topics: self.topics().to_vec(),
            rebalance_timeout: self.max_poll_interval(),
            revoke_drain: self.revoke_drain(),
        };
        Box::new(HandleAndFacts { handle: self.handle(), facts })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(Self::close(*self))
    }
}

fn translated(event: Event) -> Option<SourceEvent> {
    Some(match event {
        Event::Records(records) => SourceEvent::Records(copied(&records)),
        Event::Assigned(assigned) => {
            let of = |assigned: ottla_consumer_group::Assigned| AssignedPartition {
                topic_partition: assigned.topic_partition,
                position: assigned.position,
                committed: assigned.committed.map(|committed| committed.offset()),
            };
            SourceEvent::Assigned(assigned.into_iter().map(of).collect())
        }
        Event::Revoking(guard) => {
            SourceEvent::Revoking(Revocation { partitions: guard.partitions().to_vec(), hold: Box::new(guard) })
        }
        Event::Lost(lost) => SourceEvent::Lost(lost),
        Event::Position { topic_partition, offset } => SourceEvent::Position { topic_partition, offset },
        // An event of a later version, which a worker of this one does not need.
        _ => return None,
    })
}

/// Copies the records out of the frame, which may be freed then.
fn copied(records: &Records) -> SourceRecords {
    let topic_partition = records.topic_partition();
    SourceRecords {
        topic_partition: topic_partition.clone(),
        records: records
            .iter()
            .map(|record| {
                let place = (record.offset(), record.timestamp());
                let content = (record.key(), record.value());
                DeliveryRecord::copied(topic_partition.clone(), place, content, record.headers())
                    .with_codec(record.codec())
            })
            .collect(),
        next_offset: records.next_offset(),
        high_watermark: records.high_watermark(),
    }
}

/// The partition that an error is about, if it is about one.
fn partition_of(error: &Error) -> Option<TopicPartition> {
    match error.kind() {
        ErrorKind::OffsetOutOfRange { topic_partition, .. }
        | ErrorKind::TopicRecreated { topic_partition, .. }
        | ErrorKind::Broker { topic_partition: Some(topic_partition), .. } => Some(topic_partition.clone()),
        _ => None,
    }
}

struct HandleAndFacts {
    handle: ConsumerHandle,
    facts: GroupFacts,
}

impl Group for HandleAndFacts {
    fn commit(&self, offsets: Vec<(TopicPartition, i64)>) -> BoxFuture<'static, CommitAnswer> {
        let handle = self.handle.clone();
        Box::pin(async move {
            handle
                .commit(offsets.into_iter().map(|(partition, offset)| (partition, OffsetAndMetadata::new(offset))))
                .await
        })
    }

    fn pause(&self, topic_partition: &TopicPartition) {
        self.handle.pause([topic_partition.clone()]);
    }

    fn resume(&self, topic_partition: &TopicPartition) {
        self.handle.resume([topic_partition.clone()]);
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>) -> BoxFuture<'static, EndsAnswer> {
        let handle = self.handle.clone();
        Box::pin(async move { handle.end_offsets(partitions).await })
    }

    fn is_stable(&self) -> bool {
        let status = self.handle.status();
        status.state == GroupState::Stable && status.last_error.is_none()
    }

    fn facts(&self) -> GroupFacts {
        self.facts.clone()
    }
}

impl Sink for Producer {
    fn publish(&self, record: OutgoingRecord) -> BoxFuture<'_, Result<Acked, Error>> {
        let OutgoingRecord { topic, key, value, headers, timestamp, copied_as } = record;
        let mut record = ProducerRecord::to(topic).headers(headers);
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.value(value);
        }
        if let Some(timestamp) = timestamp {
            record = record.timestamp(timestamp);
        }
        if let Some(compression) = copied_as {
            // What was fetched was once written, whatever this producer's limit for what is new.
            record = record.compression(compression).any_size();
        }
        Box::pin(async move {
            // This producer knows no other acks than all.
            let at = self.send(record).await?;
            Ok(Acked::new(at.topic_partition().clone(), at.offset()))
        })
    }
}
