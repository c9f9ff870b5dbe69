//! DeleteTopics.

use kafka_protocol::messages::{
    DeleteTopicsRequest, DeleteTopicsResponse, TopicName, delete_topics_response::DeletableTopicResult,
};
use uuid::Uuid;

use super::{code, text};
use crate::{
    cluster::Cluster,
    dispatch::{Cx, Handler},
    log::Refusal,
};

/// From this version on, topics may be named by id.
const FIRST_WITH_TOPIC_IDS: i16 = 6;

/// A topic by name, or by id without one.
type Named = (Option<TopicName>, Uuid);

impl Handler for DeleteTopicsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DeleteTopicsResponse {
        let answer = each(self, cx.version, |named| delete(cx.cluster, named));
        // A fetch that waits for one of them ends.
        cx.cluster.changed().notify_waiters();
        answer
    }

    fn refused(&self, version: i16, refusal: Refusal) -> DeleteTopicsResponse {
        each(self, version, |named| (named, Err(refusal)))
    }
}

fn delete(cluster: &Cluster, (name, id): Named) -> (Named, Result<(), Refusal>) {
    let mut topics = cluster.topics();
    let name = match name {
        Some(name) => name,
        None => match topics.name_of(id) {
            Some(name) => TopicName(text(name)),
            None => return ((None, id), Err(Refusal::UnknownTopicId)),
        },
    };
    match cluster.delete_topic(&mut topics, &name) {
        Ok(topic) => ((Some(name), topic.id()), Ok(())),
        Err(refusal) => ((Some(name), id), Err(refusal)),
    }
}

fn each(
    request: &DeleteTopicsRequest,
    version: i16,
    decide: impl Fn(Named) -> (Named, Result<(), Refusal>),
) -> DeleteTopicsResponse {
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::nil()));
    let by_state = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    let answers = by_name.chain(by_state).map(|named| {
        let ((name, id), result) = decide(named);
        let answer = DeletableTopicResult::default().with_name(name).with_error_code(code(&result));
        // kafka-protocol refuses to encode a field the version does not have.
        if version >= FIRST_WITH_TOPIC_IDS { answer.with_topic_id(id) } else { answer }
    });
    DeleteTopicsResponse::default().with_responses(answers.collect())
}
