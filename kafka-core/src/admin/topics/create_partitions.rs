use std::collections::BTreeMap;

use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, create_partitions_request::CreatePartitionsTopic,
};

use crate::{
    admin::{
        Admin,
        asking::{Asking, broker_timeout_ms, once_each},
        items::Results,
        wire::{topic_name, verdict},
    },
    client::{ConnectionKind, Target},
    error::Error,
};

impl Admin<'_> {
    /// Raises topics' numbers of partitions to these totals; brokers place the new ones. Keys land elsewhere from
    /// then on. A total that a topic has already is the error `INVALID_PARTITIONS`; if an earlier attempt of this
    /// call may have got it there, its [`Error::maybe_applied`] is true.
    ///
    /// # Errors
    /// A topic is named with two totals, or no broker answered in time; [`Error::maybe_applied`] says whether
    /// partitions may have been added.
    ///
    /// # Cancel safety
    /// Dropping it may add the partitions or not.
    pub async fn create_partitions(
        &self,
        totals: &[(&str, i32)],
    ) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        let wanted = once_each(totals.iter().map(|(name, total)| ((*name).to_owned(), *total)))?;
        let mut asking = Asking::new::<CreatePartitionsRequest>(self.client, wanted.keys().cloned());
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let topics = wanted.iter().filter(|(name, _)| asked.contains(name)).map(|(name, total)| {
                CreatePartitionsTopic::default().with_name(topic_name(name)).with_count(*total).with_assignments(None)
            });
            let request = CreatePartitionsRequest::default()
                .with_topics(topics.collect())
                .with_timeout_ms(broker_timeout_ms(limit));
            let answer = self.client.call(Target::Controller, ConnectionKind::Slow, &request, limit).await;
            asking.answer(&asked, answer.map(read));
        }
        asking.into_results()
    }
}

fn read(answer: CreatePartitionsResponse) -> Results<String, ()> {
    let topics = answer.results.into_iter();
    topics
        .map(|topic| (topic.name.to_string(), verdict(topic.error_code, "CreatePartitions", topic.error_message)))
        .collect()
}
