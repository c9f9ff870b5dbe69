//! The data directory: what was acknowledged is there again.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use kafka_protocol::messages::{DeleteRecordsRequest, MetadataRequest, delete_records_request::*};
use ottla_embedded_broker::{EmbeddedBroker, StartError};
use ottla_kafka_core::record::{self, ProducerStamp};

use crate::{
    client::{Client, one_record, topic},
    groups::{commit_request, fetch_offsets},
};

/// A directory of a test's own, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ottla-embedded-broker-{name}-{}", std::process::id()));
        // What a run before left, if its process had the same number.
        let _ = fs::remove_dir_all(&dir);
        Self(dir)
    }

    async fn start(&self) -> (EmbeddedBroker, Client) {
        let broker = self.try_start().await.expect("a broker");
        let client = Client::connect(&broker).await;
        (broker, client)
    }

    async fn try_start(&self) -> Result<EmbeddedBroker, StartError> {
        EmbeddedBroker::builder().data_dir(&self.0).start().await
    }

    fn copy(&self, name: &str) -> Self {
        let copy = Self::new(name);
        copy_all(&self.0, &copy.0);
        copy
    }

    /// The one file of records.
    fn segment(&self) -> PathBuf {
        find(&self.0).expect("records were written")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

fn find(dir: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(dir).ok()?.map(|entry| entry.expect("it can be read").path());
    entries.find_map(|path| match path.is_dir() {
        true => find(&path),
        false => (path.extension()? == "log").then_some(path),
    })
}

fn stamped(base_sequence: i32) -> bytes::Bytes {
    one_record(1, Some(ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence }))
}

#[tokio::test]
async fn topics_records_sequences_and_offsets_survive_the_process() {
    let scratch = Scratch::new("survive");
    let (broker, mut client) = scratch.start().await;
    assert_eq!(client.create_topic("orders", 1, &[("retention.ms", "-1")]).await, 0);
    assert_eq!(client.create_topic("gone", 1, &[]).await, 0);
    for sequence in 0..3 {
        assert_eq!(client.produce("orders", 0, stamped(sequence)).await.error_code, 0);
    }
    client.produce("gone", 0, stamped(0)).await;
    let before = client.call(&MetadataRequest::default().with_topics(None), 12).await;
    let delete = kafka_protocol::messages::DeleteTopicsRequest::default().with_topic_names(vec![topic("gone")]);
    assert_eq!(client.call(&delete, 5).await.responses[0].error_code, 0);
    let wanted = DeleteRecordsPartition::default().with_offset(1);
    let wanted = DeleteRecordsTopic::default().with_name(topic("orders")).with_partitions(vec![wanted]);
    client.call(&DeleteRecordsRequest::default().with_topics(vec![wanted]), 2).await;
    for offset in [1, 2] {
        client.call(&commit_request("g", "orders", 0, offset), 8).await;
    }
    // What a process that is killed now would leave.
    let scratch = scratch.copy("survived");
    broker.stop().await;

    let (broker, mut client) = scratch.start().await;
    let after = client.call(&MetadataRequest::default().with_topics(None), 12).await;
    let old = before.topics.iter().find(|old| old.name == Some(topic("orders"))).expect("it was there");
    assert_eq!((after.topics.len(), after.topics[0].topic_id), (1, old.topic_id));
    assert!(after.topics[0].partitions[0].leader_epoch > old.partitions[0].leader_epoch, "a new leader");
    let fetched = client.fetch("orders", 0, 1).await;
    assert_eq!((fetched.log_start_offset, fetched.high_watermark), (1, 3));
    let count = record::batches(fetched.records.expect("records")).filter(|batch| batch.is_ok()).count();
    assert_eq!(count, 2);
    assert_eq!(client.produce("orders", 0, stamped(1)).await.base_offset, 1, "a duplicate is known");
    assert_eq!(client.produce("orders", 0, stamped(9)).await.error_code, 45);
    assert_eq!(client.produce("orders", 0, stamped(3)).await.base_offset, 3);
    assert_eq!(fetch_offsets(&mut client, 8, true).await, [(0, 2)]);
    broker.stop().await;
    // And once more, over what was written after a start.
    let (_broker, mut client) = scratch.start().await;
    assert_eq!(client.fetch("orders", 0, 1).await.high_watermark, 4);
}

#[tokio::test]
async fn half_a_batch_at_the_end_is_cut_off_and_damage_before_it_refused() {
    let scratch = Scratch::new("torn");
    let (broker, mut client) = scratch.start().await;
    assert_eq!(client.create_topic("orders", 1, &[]).await, 0);
    for sequence in 0..3 {
        client.produce("orders", 0, stamped(sequence)).await;
    }
    broker.stop().await;
    let segment = scratch.segment();
    let whole = fs::read(&segment).expect("it can be read");
    let batch = whole.len() / 3;

    for cut in [whole.len() - 1, whole.len() - batch + 1] {
        OpenOptions::new().write(true).open(&segment).and_then(|file| file.set_len(cut as u64)).expect("it is cut");
        let (broker, mut client) = scratch.start().await;
        assert_eq!(client.fetch("orders", 0, 0).await.high_watermark, 2, "cut at {cut}");
        assert_eq!(client.produce("orders", 0, stamped(2)).await.base_offset, 2);
        broker.stop().await;
        assert_eq!(fs::read(&segment).expect("it can be read").len(), whole.len(), "cut at {cut}");
    }
    let mut damaged = whole.clone();
    damaged[batch + 30] ^= 1;
    fs::write(&segment, &damaged).expect("it can be written");
    let Err(StartError::Data(why)) = scratch.try_start().await else { panic!("it must not start") };
    assert!(why.contains("damaged") && why.contains(".log"), "{why}");
}

#[tokio::test]
async fn a_directory_has_one_broker() {
    let scratch = Scratch::new("one");
    let (broker, _) = scratch.start().await;
    let Err(StartError::Data(why)) = scratch.try_start().await else { panic!("it must not start") };
    assert!(why.contains("another broker uses it"), "{why}");
    broker.stop().await;
    scratch.try_start().await.expect("the other is gone");
}
