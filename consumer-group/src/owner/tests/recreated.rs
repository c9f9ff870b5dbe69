//! Topics that are deleted, and others that take their names: no offset of the one says anything about the other.

use ottla_kafka_core::{ErrorKind, Fetched, OffsetReset};

use super::*;

fn fails(kind: ErrorKind) -> Fetched {
    Fetched::Failed { topic_partition: tp(0), error: Error::new(kind) }
}

fn recreated() -> Fetched {
    fails(ErrorKind::TopicRecreated { topic_partition: tp(0), offset: 8 })
}

fn gone() -> Fetched {
    let (code, topic_partition) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(tp(0)));
    fails(ErrorKind::Broker { code, api: "Metadata", topic_partition, message: None })
}

impl Group {
    /// Reads both partitions to offset 8, in this topic.
    async fn read_in(self, topic_id: u128) -> Self {
        self.fake.set_topic_id(topic_id);
        for partition in [0, 1] {
            self.fake.deliver_position(partition, 8);
            assert_eq!(self.next().await, format!("position t-{partition}@8"));
        }
        self
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_anew_is_read_where_the_policy_says_and_from_its_start_without_one() {
    let age = Duration::from_secs(60);
    for (policy, place) in [
        (OffsetReset::Error, "Start"),
        (OffsetReset::Earliest, "Start"),
        (OffsetReset::Latest, "End"),
        (OffsetReset::ByDuration(age), "Since(60s)"),
    ] {
        let group = group_with(|config| config.offset_reset = policy).assigned().await.read_in(1).await;
        group.fake.deliver(recreated());
        if policy == OffsetReset::Error {
            let told = "error: the topic of t-0 was made anew, offset 8 is of the one before";
            assert_eq!(group.next().await, told, "nobody has named a policy: it is told");
        }
        assert_eq!(group.next().await, "lost t-0");
        let refused = group.commit(8).await;
        assert!(refused.contains("not sent"), "an offset of the old topic in the new one: {refused}");
        assert_eq!(group.next().await, "assigned t-0@0", "{policy:?}");
        assert_eq!(group.fake.calls().last(), Some(&format!("log_offsets {place}")));
        assert_eq!((group.fake.reading(), group.fake.read_in()), (vec![(0, 0), (1, 0)], vec![]), "whatever its id");
        assert_eq!((group.commit(1).await, group.fake.committed(0)), ("committed".to_owned(), Some(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_gone_for_long_is_known_again_by_its_id() {
    let group = group().assigned().await.read_in(1).await;
    group.fake.deliver(gone());
    assert!(group.next().await.starts_with("error: "), "somebody must see to it");
    let refused = group.commit(8).await;
    assert!(refused.contains("its topic is gone"), "{refused}");
    group.until("it is tried again", |group| group.fake.reading() == [(0, 8), (1, 0)]).await;
    assert_eq!(group.fake.read_in(), [(0, 1)], "where it was: at 8 of the topic that it read");
    assert_eq!(group.commit(8).await, "committed", "it is there again");
    group.handle.seek(&tp(0), 3).await.expect("it is assigned");
    assert_eq!((group.fake.reading(), group.fake.read_in()), (vec![(0, 3), (1, 0)], vec![(0, 1)]), "nor by a seek");
}

#[tokio::test(start_paused = true)]
async fn a_committed_offset_belongs_to_the_topic_that_was_read_before_the_rebalance() {
    let group = group().assigned().await.read_in(1).await;
    assert_eq!(group.commit(8).await, "committed");
    group.fake.rebalance();
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@8 t-1@0");
    assert_eq!(group.fake.read_in(), [(0, 1)], "what is not committed is looked up in the topic there is");
    group.fake.fail("heartbeat", Fault::Code(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(group.next().await, "lost t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@8 t-1@0");
    assert_eq!(group.fake.read_in(), [], "another member may have read and committed since");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_of_a_partition_while_its_topic_is_in_doubt() {
    let group = group().assigned().await.read_in(1).await;
    group.fake.doubt(0, true);
    let both = [(tp(0), OffsetAndMetadata::new(8)), (tp(1), OffsetAndMetadata::new(8))];
    let refused = outcome(group.handle.commit(both).await);
    assert!(refused.contains("its topic is gone, or was made anew"), "{refused}");
    assert_eq!((group.fake.committed(0), group.fake.committed(1)), (None, Some(8)), "the other is committed");
    group.fake.rebalance();
    let revoking = group.recv().await;
    assert_eq!(words(&revoking), "revoking t-0 t-1");
    let refused = group.commit(8).await;
    assert!(refused.contains("its topic is gone, or was made anew"), "not at the end either: {refused}");
    drop(revoking);
    assert_eq!(group.next().await, "assigned t-1@8 t-0@0");
    assert_eq!(group.commit(8).await, "committed", "the doubt was of the last assignment");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_would_be_repeated_is_not_once_the_topic_was_made_anew() {
    let group = group().assigned().await.read_in(1).await;
    group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    let made_anew = async {
        group.until("it is sent", |group| group.fake.count("commit") == 1).await;
        group.fake.deliver(recreated());
    };
    let (refused, ()) = tokio::join!(group.commit(8), made_anew);
    assert!(refused.contains("its topic is gone, or was made anew"), "{refused}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((group.fake.count("commit"), group.fake.committed(0)), (1, None));
}
