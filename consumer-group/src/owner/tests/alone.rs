use std::collections::BTreeMap;

use ottla_kafka_core::{ErrorKind, Fetched};

use super::*;
use ottla_kafka_core::{OffsetReset, StartPosition};

/// A consumer without a group, of partitions 0 to 3 from four kinds of positions.
fn alone(group_id: &str) -> Group {
    group_with(|config| {
        *config = GroupConfig::new(group_id.to_owned());
        let starts = [
            StartPosition::Offset(7),
            StartPosition::Earliest,
            StartPosition::Latest,
            StartPosition::Timestamp(1_700_000_000_000),
        ];
        config.assigned = Some((0..).map(tp).zip(starts).collect::<BTreeMap<_, _>>());
    })
}

#[tokio::test(start_paused = true)]
async fn it_reads_what_it_was_told_from_where_it_was_told_and_joins_nothing() {
    let group = alone("");
    group.fake.set_log_start(50);
    assert_eq!(group.next().await, "assigned t-0@7 t-1@50 t-2@50 t-3@50");
    assert_eq!(group.fake.calls(), ["log_offsets Start", "log_offsets End", "log_offsets At(1700000000000)"]);
    group.fake.deliver_position(0, 8);
    assert_eq!(group.next().await, "position t-0@8");
    group.handle.seek(&tp(1), 60).await.expect("it is assigned");
    assert_eq!(group.handle.position(&tp(1)), Some(60));
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert_eq!(group.fake.calls().len(), 3, "there is no session and no poll interval");
    group.handle.close(Duration::from_secs(20)).await;
    assert_eq!(group.next().await, "error: closed");
    assert_eq!(group.fake.count("leave"), 0);
}

#[tokio::test(start_paused = true)]
async fn it_commits_for_its_group_and_without_one_is_refused() {
    let group = alone("g");
    group.next().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::NOT_COORDINATOR));
    assert_eq!(group.commit(9).await, "committed");
    assert_eq!((group.fake.committed(0), group.fake.count("find")), (Some(9), 2));
    let group = alone("");
    group.next().await;
    assert!(group.commit(9).await.contains("no group"), "{}", group.commit(9).await);
}

#[tokio::test(start_paused = true)]
async fn a_group_with_members_refuses_its_commits_and_it_reads_on() {
    let group = alone("g");
    group.next().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::UNKNOWN_MEMBER_ID));
    assert!(group.commit(9).await.contains("UNKNOWN_MEMBER_ID"));
    group.fake.deliver_position(0, 8);
    assert_eq!(group.next().await, "position t-0@8");
}

#[tokio::test(start_paused = true)]
async fn its_positions_are_reset_by_the_policy_that_was_named() {
    let group = group_with(|config| {
        *config = GroupConfig::new(String::new());
        config.assigned = Some([(tp(0), StartPosition::Offset(7))].into());
        config.offset_reset = OffsetReset::ByDuration(Duration::from_secs(60));
    });
    assert_eq!(group.next().await, "assigned t-0@7");
    group.fake.set_log_start(50);
    let error =
        ErrorKind::OffsetOutOfRange { topic_partition: tp(0), offset: 7, log_start: None, high_watermark: None };
    group.fake.deliver(Fetched::Failed { topic_partition: tp(0), error: Error::new(error) });
    assert_eq!(group.next().await, "lost t-0");
    assert_eq!(group.next().await, "assigned t-0@50");
    assert_eq!(group.fake.calls(), ["log_offsets Since(60s)"]);
}
