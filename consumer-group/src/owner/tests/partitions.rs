use super::*;
use ottla_kafka_core::{ErrorKind, Fetched};

use ottla_kafka_core::OffsetReset;

#[tokio::test(start_paused = true)]
async fn it_joins_when_it_is_first_asked_and_starts_at_the_committed_offset_or_the_earliest() {
    let group = group();
    group.fake.set_committed(1, 7);
    group.fake.set_log_start(3);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(group.fake.calls(), Vec::<String>::new(), "nobody has asked");
    assert_eq!(group.next().await, "assigned t-1@7 t-0@3");
    assert_eq!(group.fake.calls(), ["find", "join  t", "join m t", "sync 1", "committed", "log_offsets Start"]);
    assert_eq!(group.fake.reading(), [(0, 3), (1, 7)]);
    assert_eq!(group.handle.assignment(), [tp(0), tp(1)]);
    assert_eq!((group.handle.position(&tp(0)), group.handle.generation()), (Some(3), Some(1)));
    assert_eq!(group.handle.committed(&tp(1)), Some(OffsetAndMetadata::new(7)));
    assert_eq!(group.handle.status().state, crate::GroupState::Stable);
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_waits_for_the_guard_and_commits_succeed_meanwhile() {
    let group = group().assigned().await;
    group.fake.rebalance();
    let revoking = group.recv().await;
    assert_eq!(words(&revoking), "revoking t-0 t-1");
    assert_eq!(group.fake.reading(), [], "nothing is read that would have to be given back");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(group.commit(5).await, "committed");
    assert_eq!(group.fake.count("join"), 2, "it waits");
    drop(revoking);
    assert_eq!(group.next().await, "assigned t-0@5 t-1@0");
    assert_eq!(group.handle.generation(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_waits_for_commits_on_their_way_when_the_guard_is_dropped() {
    let group = group().assigned().await;
    group.fake.rebalance();
    let revoking = group.recv().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    let (outcome, ()) = tokio::join!(group.commit(5), async { drop(revoking) });
    assert_eq!(outcome, "committed");
    assert_eq!(group.next().await, "assigned t-0@5 t-1@0");
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_held_too_long_loses_the_partitions() {
    let group = group().assigned().await;
    group.fake.rebalance();
    let revoking = group.recv().await;
    let began = group.shared.now();
    assert_eq!(group.next().await, "lost t-0 t-1");
    assert_eq!((group.shared.now() - began).as_secs(), 10);
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    drop(revoking);
    group.fake.deliver_position(0, 1);
    assert_eq!(group.next().await, "position t-0@1", "the late release changes nothing");
}

#[tokio::test(start_paused = true)]
async fn what_the_application_has_not_heard_of_is_not_asked_back() {
    let group = group();
    let waiting = timeout(Duration::ZERO, group.shared.recv()).await;
    assert!(waiting.is_err(), "it only set it going");
    group.until("a first assignment waits", |group| !group.shared.outbox().is_empty()).await;
    group.fake.rebalance();
    group.until("a second generation", |group| group.fake.count("committed") == 2).await;
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    group.fake.deliver_position(0, 1);
    assert_eq!(group.next().await, "position t-0@1");
}

#[tokio::test(start_paused = true)]
async fn what_waits_of_a_partition_goes_with_it() {
    let group = group().assigned().await;
    group.fake.deliver_position(0, 4);
    group.fake.deliver_position(1, 4);
    group.until("both wait", |group| group.fake.undelivered() == 0).await;
    group.fake.rebalance();
    group.until("it is asked back", |group| group.fake.reading().is_empty()).await;
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.handle.position(&tp(0)), Some(0), "it has not had them");
}

#[tokio::test(start_paused = true)]
async fn fetching_pauses_while_the_application_does_not_take() {
    let group = group().assigned().await;
    for offset in 1..=20 {
        // Positions of one partition in a row would become one.
        group.fake.deliver_position(offset % 2, i64::from(offset));
    }
    group.until("the outbox is full", |group| group.fake.undelivered() == 12).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(group.fake.undelivered(), 12);
    for offset in 1..=20 {
        assert_eq!(group.next().await, format!("position t-{}@{offset}", offset % 2));
    }
    assert_eq!(group.handle.position(&tp(0)), Some(20));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_a_wish_that_survives_rebalances() {
    let group = group();
    group.handle.pause([tp(1)]);
    let group = group.assigned().await;
    group.until("it is paused", |group| group.fake.paused() == [1]).await;
    group.fake.deliver_position(1, 5);
    group.fake.deliver_position(0, 6);
    assert_eq!(group.next().await, "position t-0@6", "what waits of a paused partition is held back");
    group.fake.rebalance();
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    group.until("it is paused again", |group| group.fake.paused() == [1]).await;
    group.handle.resume([tp(1)]);
    group.until("it is resumed", |group| group.fake.paused().is_empty()).await;
    group.fake.deliver_position(1, 5);
    assert_eq!(group.next().await, "position t-1@5");
}

#[tokio::test(start_paused = true)]
async fn a_seek_drops_what_was_read_before_it() {
    let group = group().assigned().await;
    group.fake.deliver_position(0, 4);
    group.until("it waits", |group| group.fake.undelivered() == 0).await;
    group.handle.seek(&tp(0), 2).await.expect("it is assigned");
    assert_eq!(group.fake.reading(), [(0, 2), (1, 0)]);
    group.fake.deliver_position(0, 3);
    assert_eq!(group.next().await, "position t-0@3");
    assert!(group.handle.seek(&tp(9), 0).await.is_err(), "not assigned");
    assert!(group.handle.seek(&tp(0), -1).await.is_err(), "not an offset");
}

fn out_of_range() -> Error {
    let (log_start, high_watermark) = (Some(50), Some(60));
    Error::new(ErrorKind::OffsetOutOfRange { topic_partition: tp(0), offset: 0, log_start, high_watermark })
}

#[tokio::test(start_paused = true)]
async fn a_position_out_of_range_is_an_error_until_somebody_acts() {
    let group = group().assigned().await;
    group.fake.deliver(Fetched::Failed { topic_partition: tp(0), error: out_of_range() });
    assert_eq!(group.next().await, "error: offset 0 of t-0 is out of range: the log holds 50 to 60");
    assert_eq!(group.fake.reading(), [(1, 0)]);
    group.fake.deliver_position(1, 1);
    assert_eq!(group.next().await, "position t-1@1", "the others go on");
    group.until("it is tried again", |group| group.fake.reading() == [(0, 0), (1, 0)]).await;
    group.fake.deliver(Fetched::Failed { topic_partition: tp(0), error: out_of_range() });
    assert!(group.next().await.starts_with("error"), "and says so again");
    group.handle.seek(&tp(0), 50).await.expect("it is assigned");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(group.fake.reading(), [(0, 50), (1, 0)], "the application's word is the last");
}

#[tokio::test(start_paused = true)]
async fn a_named_policy_resets_a_position_out_of_range() {
    let group = group_with(|config| config.offset_reset = OffsetReset::Earliest).assigned().await;
    group.fake.set_log_start(50);
    group.fake.deliver(Fetched::Failed { topic_partition: tp(0), error: out_of_range() });
    assert_eq!(group.next().await, "lost t-0");
    assert_eq!(group.next().await, "assigned t-0@50");
    assert_eq!(group.fake.reading(), [(0, 50), (1, 0)]);
    assert_eq!(group.commit(51).await, "committed", "it is still this member's");
}

#[tokio::test(start_paused = true)]
async fn new_partitions_rebalance_the_group_and_are_read_from_their_start() {
    let group = group_with(|config| config.metadata_max_age = Duration::from_secs(60)).assigned().await;
    group.fake.set_partitions(3);
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0 t-2@0");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_exist_is_waited_for() {
    let group = group();
    group.fake.set_partitions(0);
    assert_eq!(group.next().await, "assigned");
    group.fake.set_partitions(1);
    assert_eq!(group.next().await, "assigned t-0@0");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_begins_to_match_rebalances_a_member_that_leads_nothing() {
    let group = group_with(|config| {
        config.topics.clear();
        config.set_pattern(".*");
        config.metadata_max_age = Duration::from_secs(60);
    });
    group.fake.lead(false);
    let group = group.assigned().await;
    group.fake.add_topic("u");
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    let joins: Vec<String> = group.fake.calls().into_iter().filter(|call| call.starts_with("join")).collect();
    assert_eq!(joins, ["join  t", "join m t", "join m t u"]);
}
