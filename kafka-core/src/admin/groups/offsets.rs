use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kafka_protocol::messages::{
    OffsetFetchRequest, OffsetFetchResponse,
    offset_fetch_request::OffsetFetchRequestGroup,
    offset_fetch_response::{OffsetFetchResponseTopic, OffsetFetchResponseTopics},
};

use super::coordinator::coordinator;
use crate::{
    admin::{
        Admin,
        asking::Asking,
        items::Results,
        wire::{group_id, verdict, verdict_on},
    },
    client::{ConnectionKind, Target},
    error::{Error, ErrorKind},
    protocol::by_version,
    topic_partition::TopicPartition,
};

/// The first version that takes several groups (KIP-709).
const SEVERAL_SINCE: i16 = 8;

impl Admin<'_> {
    /// The offsets that `group` has committed, by partition; empty for a group that has committed nothing.
    ///
    /// # Errors
    /// The coordinator did not answer in time, or refuses.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn group_offsets(&self, group: &str) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        let mut asking = Asking::new::<OffsetFetchRequest>(self.client, [()]);
        while let Some(asked) = asking.next().await {
            let answer = self.committed(group, asking.limit()).await;
            asking.answer(&asked, answer.map(|answer| Results::from([((), read(answer))])));
        }
        asking.into_result()
    }

    async fn committed(&self, group: &str, limit: Duration) -> Result<OffsetFetchResponse, Error> {
        let coordinator = coordinator(self.client, group, limit).await?;
        let several = AtomicBool::new(false);
        let request = by_version(|version| {
            let request = OffsetFetchRequest::default();
            several.store(version >= SEVERAL_SINCE, Ordering::Relaxed);
            if version < SEVERAL_SINCE {
                return request.with_group_id(group_id(group)).with_topics(None);
            }
            let group = OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(None);
            request.with_groups(vec![group])
        });
        let target = Target::Address(coordinator.clone());
        let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await?;
        // Without this, an answer about nobody would read as a group that has committed nothing.
        if several.load(Ordering::Relaxed) && answer.groups.is_empty() {
            let detail = format!("the answer to OffsetFetch lacks the group {group}");
            return Err(Error::new(ErrorKind::Protocol { broker: Some(coordinator), detail }));
        }
        Ok(answer)
    }
}

/// A partition of an answer: topic, number, offset, error code.
type Part = (Arc<str>, i32, i64, i16);

/// The offsets in either form of the answer.
fn read(mut answer: OffsetFetchResponse) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let (code, parts): (i16, Vec<Part>) = match answer.groups.pop() {
        Some(group) => (group.error_code, group.topics.into_iter().flat_map(of_group).collect()),
        None => (answer.error_code, answer.topics.into_iter().flat_map(of_answer).collect()),
    };
    verdict(code, "OffsetFetch", None)?;
    let mut offsets = BTreeMap::new();
    for (topic, partition, offset, code) in parts {
        let topic_partition = TopicPartition::new(topic, partition);
        verdict_on(&topic_partition, code, "OffsetFetch")?;
        // A negative offset means that nothing was committed.
        if offset >= 0 {
            offsets.insert(topic_partition, offset);
        }
    }
    Ok(offsets)
}

/// The partitions of a topic of the newer form.
fn of_group(topic: OffsetFetchResponseTopics) -> impl Iterator<Item = Part> {
    let name: Arc<str> = topic.name.as_str().into();
    topic.partitions.into_iter().map(move |p| (name.clone(), p.partition_index, p.committed_offset, p.error_code))
}

/// The same of the older form, which is another type.
fn of_answer(topic: OffsetFetchResponseTopic) -> impl Iterator<Item = Part> {
    let name: Arc<str> = topic.name.as_str().into();
    topic.partitions.into_iter().map(move |p| (name.clone(), p.partition_index, p.committed_offset, p.error_code))
}
