//! A topic that is deleted while a group reads it, and made anew: every record of the new one is read.

use std::{collections::BTreeSet, time::Duration};

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, Event, OffsetAndMetadata, OffsetReset};
use ottla_kafka_core::{Client, ErrorCode, ErrorKind, TopicPartition};
use ottla_tests::lane::Needs;
use tokio::time::{sleep, timeout};

use super::{SOON, produce};
use crate::harness::{Context, Outcome, Suite};

const PARTITIONS: i32 = 2;
/// Longer than a partition that failed is left alone, shorter than what hangs.
const IN_TIME: Duration = Duration::from_secs(60);
/// How long a topic may be missing before that is an error.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(180);
    let anew = a_topic_made_anew_is_never_skipped;
    suite.long_test("group::a_topic_made_anew_is_never_skipped", Needs::ANY, limit, anew);
    let late = a_topic_made_anew_after_long_is_never_skipped;
    suite.long_test("group::a_topic_made_anew_after_long_is_never_skipped", Needs::ANY, limit, late);
}

async fn a_topic_made_anew_is_never_skipped(cx: Context) -> Outcome {
    for policy in [OffsetReset::Error, OffsetReset::Earliest] {
        let mut reader = Reader::new(&cx, &cx.unique("orders"), policy).await?;
        delete(&cx, &reader.topic).await?;
        reader.reads_a_topic_made_anew(&cx).await?;
        let told = reader.errors.iter().any(|kind| matches!(kind, ErrorKind::TopicRecreated { .. }));
        assert_eq!(told, policy == OffsetReset::Error, "told unless a policy is named: {:?}", reader.errors);
        reader.consumer.close().await?;
    }
    Ok(())
}

async fn a_topic_made_anew_after_long_is_never_skipped(cx: Context) -> Outcome {
    let mut reader = Reader::new(&cx, &cx.unique("orders"), OffsetReset::Error).await?;
    delete(&cx, &reader.topic).await?;
    let given_up = async {
        loop {
            match reader.consumer.recv().await {
                Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => return Ok(()),
                Err(_) | Ok(Event::Position { .. }) => {}
                Ok(event) => return Err(Failed::from(format!("{event:?} of a topic that is gone"))),
            }
        }
    };
    timeout(IN_TIME, given_up).await.map_err(|_| "nobody hears that the topic is gone")??;
    reader.reads_a_topic_made_anew(&cx).await?;
    Ok(reader.consumer.close().await?)
}

/// A member that has read and committed a topic to its end.
struct Reader {
    client: Client,
    consumer: Consumer,
    topic: String,
    group: String,
    /// What `recv` failed with.
    errors: Vec<ErrorKind>,
}

impl Reader {
    async fn new(cx: &Context, topic: &str, policy: OffsetReset) -> Result<Self, Failed> {
        create(cx, topic, "before", 20).await?;
        let client = Client::builder().bootstrap(cx.bootstrap()?).default_api_timeout(PATIENCE).build()?;
        let group = cx.unique("group");
        let builder = Consumer::builder(&client, group.as_str()).topics([topic]).offset_reset(policy);
        let consumer = builder.heartbeat_interval(SOON).build()?;
        let mut reader = Self { client, consumer, topic: topic.to_owned(), group, errors: Vec::new() };
        reader.reads("before", 20).await?;
        Ok(reader)
    }

    /// More records than were in the old topic, so that its offsets are in range.
    async fn reads_a_topic_made_anew(&mut self, cx: &Context) -> Outcome {
        create(cx, &self.topic, "after", 60).await?;
        self.reads("after", 60).await
    }

    /// Reads so many records of this name, and commits them.
    async fn reads(&mut self, name: &str, count: usize) -> Outcome {
        let mut seen = BTreeSet::new();
        let reading = async {
            while seen.len() < count {
                match self.consumer.recv().await {
                    Ok(Event::Records(records)) => {
                        let texts =
                            records.iter().filter_map(|record| String::from_utf8(record.value()?.to_vec()).ok());
                        seen.extend(texts.filter(|text| text.starts_with(name)));
                    }
                    Ok(_) => {}
                    Err(error) => self.errors.push(error.kind().clone()),
                }
            }
            self.commits().await
        };
        let ended = timeout(IN_TIME, reading).await;
        ended.map_err(|_| format!("{} of {count} {name} within {IN_TIME:?}: {:?}", seen.len(), self.errors))?
    }

    /// Commits where it is until the group says so.
    async fn commits(&self) -> Outcome {
        let (handle, admin) = (self.consumer.handle(), self.client.admin());
        let partitions = (0..PARTITIONS).map(|index| TopicPartition::new(self.topic.as_str(), index));
        let wanted: Vec<_> = partitions.filter_map(|of| Some((of.clone(), handle.position(&of)?))).collect();
        assert_eq!(wanted.len(), 2, "a partition without a position");
        loop {
            let offsets = wanted.iter().map(|(of, offset)| (of.clone(), OffsetAndMetadata::new(*offset)));
            // What it comes to is asked of the group.
            let _ = handle.commit(offsets).await;
            if admin.group_offsets(&self.group).await?.into_iter().eq(wanted.iter().cloned()) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Through a client of its own: nothing that it knows of an earlier topic of the name helps or hinders.
async fn create(cx: &Context, topic: &str, what: &str, records: u32) -> Outcome {
    let client = cx.client()?;
    cx.create_topic(&client, topic, PARTITIONS, &[]).await?;
    produce(&client, topic, what, records).await
}

async fn delete(cx: &Context, topic: &str) -> Outcome {
    for (_, deleted) in cx.client()?.admin().delete_topics(&[topic]).await? {
        deleted?;
    }
    Ok(())
}
