use super::*;
use crate::{StoreError, record::DeliveryRecord};

fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

fn partition(max_in_flight: usize) -> AssignedState {
    of(Concurrency::default(), max_in_flight)
}

fn of(concurrency: Concurrency, max_in_flight: usize) -> AssignedState {
    let assigned = AssignedPartition { topic_partition: orders(), position: 0, committed: Some(0) };
    AssignedState::new(&assigned, None, concurrency, max_in_flight)
}

fn outage() -> StalledPartition {
    let reason = StallReason::Store { error: StoreError::Closed };
    StalledPartition { topic_partition: orders(), reason, since_ms: 0 }
}

fn records(offsets: std::ops::Range<i64>) -> SourceRecords {
    let next_offset = offsets.end;
    let records = offsets.map(|offset| DeliveryRecord::new(orders(), offset, 0)).collect();
    SourceRecords { topic_partition: orders(), records, next_offset, high_watermark: 100 }
}

fn broken() -> Hold {
    Hold::Broken(StalledPartition { topic_partition: orders(), reason: StallReason::TaskEnded, since_ms: 0 })
}

#[test]
fn it_is_paused_at_the_bound_and_resumed_below_half_of_it() {
    let mut partition = partition(4);
    let deliveries = partition.deliver(records(0..4));
    let changes: Vec<_> = std::iter::once(partition.pause_change())
        .chain(deliveries.into_iter().map(|delivery| {
            partition.settle(&delivery.pending.handled());
            partition.pause_change()
        }))
        .collect();
    // In flight: 4 (paused), 3, 2, 1 (resumed), 0.
    assert_eq!(changes, [Some(true), None, None, Some(false), None]);
}

#[test]
fn a_settlement_ends_its_own_wait_but_not_a_broken_partition() {
    let mut partition = partition(10);
    let mut deliveries = partition.deliver(records(0..3)).into_iter();
    partition.retrying(0);
    assert_eq!(partition.pause_change(), Some(true));
    partition.settle(&deliveries.next().expect("a delivery").pending.handled());
    assert_eq!(partition.pause_change(), Some(false));
    partition.hold(broken());
    partition.settle(&deliveries.next().expect("a delivery").pending.handled());
    assert_eq!(partition.pause_change(), Some(true));
    assert!(partition.stalled().is_some());
}

#[test]
fn a_key_that_stands_still_shows_until_it_moves_and_holds_no_other() {
    let mut partition = of(Concurrency::per_key(4), 10);
    let deliveries = partition.deliver(records(0..3));
    partition.record_stalled(1, outage());
    let told: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| (partition.settle(&delivery.pending.handled()), partition.stalled().is_some()))
        .collect();
    assert_eq!(told, [(false, true), (true, false), (false, false)]);
    assert_eq!(partition.pause_change(), None);
}

#[test]
fn what_overtakes_a_slow_record_is_bounded() {
    let mut partition = of(Concurrency::per_key(4), 4);
    let mut slow = partition.deliver(records(0..1));
    for offset in 1..40 {
        assert_eq!(partition.pause_change(), None, "at {offset}");
        for delivery in partition.deliver(records(offset..offset + 1)) {
            partition.settle(&delivery.pending.handled());
        }
    }
    assert!(!partition.deliver(records(40..41)).is_empty());
    assert_eq!(partition.pause_change(), Some(true), "41 would come again");
    partition.settle(&slow.remove(0).pending.handled());
    assert_eq!(partition.pause_change(), Some(false));
}

#[tokio::test(start_paused = true)]
async fn the_lowest_record_is_stuck_whatever_is_settled_behind_it() {
    let (mut partition, limit) = (of(Concurrency::per_key(4), 10), Duration::from_secs(10));
    let mut deliveries = partition.deliver(records(0..3)).into_iter();
    tokio::time::advance(limit / 2).await;
    partition.settle(&deliveries.next().expect("the lowest").pending.handled());
    tokio::time::advance(limit / 2).await;
    partition.settle(&deliveries.nth(1).expect("the last").pending.handled());
    assert!(partition.stuck(limit).is_none(), "the lowest has been it for half of the time");
    tokio::time::advance(limit / 2).await;
    assert!(matches!(partition.stuck(limit), Some((1, StallReason::Stuck { offset: 1, after })) if after == limit));
    partition.record_stalled(1, outage());
    assert!(partition.stuck(limit).is_none(), "what is known is not stuck as well");
}

#[test]
fn an_unreadable_partition_moves_again_when_it_is_read() {
    let mut partition = partition(10);
    let mut deliveries = partition.deliver(records(0..1)).into_iter();
    let reason = StallReason::Consumer { error: ottla_kafka_core::Error::closed() };
    partition.hold(Hold::Unread(StalledPartition { topic_partition: orders(), reason, since_ms: 0 }));
    assert_eq!(partition.pause_change(), None);
    partition.settle(&deliveries.next().expect("a delivery").pending.handled());
    assert!(partition.stalled().is_some(), "what was read before says nothing about what comes");
    partition.advance(5);
    assert!(partition.stalled().is_none());
}

#[test]
fn a_broken_partition_takes_nothing_and_passes_nothing() {
    let mut partition = partition(10);
    partition.hold(broken());
    assert!(partition.deliver(records(0..3)).is_empty());
    partition.advance(7);
    assert_eq!(partition.commit_point(), Ok(None));
}

#[test]
fn a_record_is_delivered_once() {
    let mut partition = partition(10);
    assert_eq!(partition.deliver(records(0..3)).len(), 3);
    assert_eq!(partition.deliver(records(1..5)).len(), 2);
}

#[test]
fn books_that_do_not_add_up_stop_commits() {
    let mut partition = partition(10);
    for delivery in partition.deliver(records(0..2)) {
        partition.settle(&delivery.pending.handled());
    }
    assert_eq!(partition.commit_point(), Ok(Some(2)));
    partition.settle(&Pending::new(orders(), 1).handled());
    let violation = partition.commit_point().expect_err("settled twice");
    let reason = StallReason::Ledger { violation };
    partition.hold(Hold::Broken(StalledPartition { topic_partition: orders(), reason, since_ms: 0 }));
    assert_eq!(partition.commit_point(), Ok(None));
}

#[test]
fn what_is_released_is_in_the_books_and_not_in_the_commit() {
    let mut partition = partition(10);
    let mut deliveries = partition.deliver(records(0..3)).into_iter();
    partition.settle(&deliveries.next().expect("a delivery").pending.handled());
    partition.release();
    assert_eq!((partition.ledger().released(), partition.lag()), (2, Some(99)));
    assert_eq!(partition.commit_point(), Ok(Some(1)));
    assert!(!partition.is_clean());
}
