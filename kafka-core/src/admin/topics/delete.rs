use std::collections::BTreeMap;

use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, delete_topics_request::DeleteTopicState};

use crate::{
    admin::{
        Admin,
        asking::{Asking, broker_timeout_ms},
        items::Results,
        wire::{topic_name, verdict},
    },
    client::{ConnectionKind, Target},
    error::Error,
    protocol::by_version,
};

/// The first version that names topics in a structure, since it could also name their ids (KIP-516).
const STATES_SINCE: i16 = 6;

impl Admin<'_> {
    /// Deletes topics with all their records. A topic that does not exist is the error `UNKNOWN_TOPIC_OR_PARTITION`;
    /// if an earlier attempt of this call may have deleted it, its [`Error::maybe_applied`] is true.
    ///
    /// # Errors
    /// No broker answered in time; [`Error::maybe_applied`] says whether topics may have been deleted.
    ///
    /// # Cancel safety
    /// Dropping it may delete the topics or not.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        let names = names.iter().map(|name| (*name).to_owned());
        let mut asking = Asking::new::<DeleteTopicsRequest>(self.client, names);
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let request = by_version(|version| request(&asked, broker_timeout_ms(limit), version));
            let answer = self.client.call(Target::Controller, ConnectionKind::Slow, &request, limit).await;
            asking.answer(&asked, answer.map(read));
        }
        asking.into_results()
    }
}

fn request(names: &[String], timeout_ms: i32, version: i16) -> DeleteTopicsRequest {
    let request = DeleteTopicsRequest::default().with_timeout_ms(timeout_ms);
    let names = names.iter().map(|name| topic_name(name));
    if version < STATES_SINCE {
        return request.with_topic_names(names.collect());
    }
    request.with_topics(names.map(|name| DeleteTopicState::default().with_name(Some(name))).collect())
}

fn read(answer: DeleteTopicsResponse) -> Results<String, ()> {
    let named =
        answer.responses.into_iter().filter_map(|topic| Some((topic.name?, topic.error_code, topic.error_message)));
    named.map(|(name, code, message)| (name.to_string(), verdict(code, "DeleteTopics", message))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Api;

    #[test]
    fn topics_are_named_in_every_version() {
        for version in 1..=6 {
            let request = request(&["orders".to_owned()], 1_000, version);
            assert_eq!(Api::encode(&request, version, &mut Vec::new()), Ok(()), "version {version}");
            assert_eq!(request.topics.len() + request.topic_names.len(), 1, "version {version}");
        }
    }
}
