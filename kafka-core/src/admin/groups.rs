use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::{
    messages::{
        FindCoordinatorRequest, FindCoordinatorResponse, GroupId, OffsetFetchRequest, OffsetFetchResponse,
        offset_fetch_request::OffsetFetchRequestGroup,
        offset_fetch_response::{OffsetFetchResponseTopic, OffsetFetchResponseTopics},
    },
    protocol::StrBytes,
};

use crate::{
    client::{Attempts, Client, ConnectionKind, Target},
    connector::BrokerAddr,
    error::{Error, ErrorKind},
    protocol::{ErrorCode, by_version},
    topic_partition::TopicPartition,
};

/// The first version of FindCoordinator and OffsetFetch that take several groups (KIP-699, KIP-709).
const COORDINATORS_SINCE: i16 = 4;
const GROUPS_SINCE: i16 = 8;

/// The offsets that `group` has committed, by partition.
pub(super) async fn offsets(client: &Client, group: &str) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let mut attempts = Attempts::new(client.env(), "OffsetFetch", client.default_api_timeout());
    loop {
        let result = match coordinator(client, group, &attempts).await {
            Ok(coordinator) => ask(client, coordinator, group, &attempts).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(offsets) => return Ok(offsets),
            Err(error) => attempts.after(error).await?,
        }
    }
}

async fn coordinator(client: &Client, group: &str, attempts: &Attempts) -> Result<BrokerAddr, Error> {
    let request = by_version(|version| {
        let key = StrBytes::from_string(group.to_owned());
        let request = FindCoordinatorRequest::default();
        if version < COORDINATORS_SINCE { request.with_key(key) } else { request.with_coordinator_keys(vec![key]) }
    });
    let limit = attempts.left(client.request_timeout());
    let answer = client.call(Target::Any, ConnectionKind::Control, &request, limit).await?;
    let (code, host, port) = found(answer);
    match (code, u16::try_from(port)) {
        (ErrorCode::NONE, Ok(port)) => Ok(BrokerAddr::new(host, port)),
        (ErrorCode::NONE, Err(_)) => Err(Error::broker(ErrorCode::COORDINATOR_NOT_AVAILABLE, "FindCoordinator")),
        (code, _) => Err(Error::broker(code, "FindCoordinator")),
    }
}

/// The coordinator in either form of the answer.
fn found(mut answer: FindCoordinatorResponse) -> (ErrorCode, String, i32) {
    match answer.coordinators.pop() {
        Some(one) => (ErrorCode(one.error_code), one.host.to_string(), one.port),
        None => (ErrorCode(answer.error_code), answer.host.to_string(), answer.port),
    }
}

async fn ask(
    client: &Client,
    coordinator: BrokerAddr,
    group: &str,
    attempts: &Attempts,
) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let request = by_version(|version| {
        let group_id = GroupId(StrBytes::from_string(group.to_owned()));
        let request = OffsetFetchRequest::default();
        if version < GROUPS_SINCE {
            return request.with_group_id(group_id).with_topics(None);
        }
        request.with_groups(vec![OffsetFetchRequestGroup::default().with_group_id(group_id).with_topics(None)])
    });
    let limit = attempts.left(client.request_timeout());
    let answer = client.call(Target::Address(coordinator), ConnectionKind::Control, &request, limit).await?;
    read(answer)
}

/// A partition of an answer: topic, number, offset, error code.
type Part = (Arc<str>, i32, i64, i16);

/// The offsets in either form of the answer.
fn read(mut answer: OffsetFetchResponse) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let (code, parts): (i16, Vec<Part>) = match answer.groups.pop() {
        Some(group) => (group.error_code, group.topics.into_iter().flat_map(of_group).collect()),
        None => (answer.error_code, answer.topics.into_iter().flat_map(of_answer).collect()),
    };
    let code = ErrorCode(code);
    if code != ErrorCode::NONE {
        return Err(Error::broker(code, "OffsetFetch"));
    }
    let mut offsets = BTreeMap::new();
    for (topic, partition, offset, code) in parts {
        let topic_partition = TopicPartition::new(topic, partition);
        match ErrorCode(code) {
            // A negative offset means that nothing was committed.
            ErrorCode::NONE if offset >= 0 => {
                offsets.insert(topic_partition, offset);
            }
            ErrorCode::NONE => {}
            code => {
                let topic_partition = Some(topic_partition);
                return Err(Error::new(ErrorKind::Broker { code, api: "OffsetFetch", topic_partition, message: None }));
            }
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
