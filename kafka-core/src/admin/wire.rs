//! Small things that all requests here are made of.

use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::{
    messages::{GroupId, TopicName},
    protocol::StrBytes,
};

use crate::{
    error::{Error, ErrorKind},
    protocol::ErrorCode,
    topic_partition::TopicPartition,
};

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(super) fn group_id(id: &str) -> GroupId {
    GroupId(text(id))
}

/// An error code of an answer, with what the broker says beside it.
pub(super) fn verdict(code: i16, api: &'static str, message: Option<StrBytes>) -> Result<(), Error> {
    let code = ErrorCode(code);
    if code.is_none() {
        return Ok(());
    }
    let message = message.map(|message| message.to_string()).filter(|message| !message.is_empty());
    Err(Error::new(ErrorKind::Broker { code, api, topic_partition: None, message }))
}

/// An error code of an answer about a partition.
pub(super) fn verdict_on(topic_partition: &TopicPartition, code: i16, api: &'static str) -> Result<(), Error> {
    let code = ErrorCode(code);
    if code.is_none() {
        return Ok(());
    }
    let topic_partition = Some(topic_partition.clone());
    Err(Error::new(ErrorKind::Broker { code, api, topic_partition, message: None }))
}

/// Partitions by topic, as requests name them.
pub(super) fn by_topic<'a, T>(
    partitions: impl IntoIterator<Item = (&'a TopicPartition, T)>,
) -> BTreeMap<&'a str, Vec<(i32, T)>> {
    let mut topics: BTreeMap<&str, Vec<(i32, T)>> = BTreeMap::new();
    for (topic_partition, what) in partitions {
        topics.entry(topic_partition.topic()).or_default().push((topic_partition.partition(), what));
    }
    topics
}

/// The partitions of a topic of an answer, with what it says of each.
pub(super) fn of_topic<P, T>(
    name: TopicName,
    partitions: Vec<P>,
    read: impl Fn(&TopicPartition, P) -> T,
    index: impl Fn(&P) -> i32,
) -> impl Iterator<Item = (TopicPartition, T)> {
    let name: Arc<str> = name.as_str().into();
    partitions.into_iter().map(move |partition| {
        let topic_partition = TopicPartition::new(Arc::clone(&name), index(&partition));
        let what = read(&topic_partition, partition);
        (topic_partition, what)
    })
}
