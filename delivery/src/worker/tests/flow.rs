//! Order, commits, bounds, filters.

use std::sync::Arc;

use ottla_kafka_core::{Error, ErrorCode, ErrorKind};
use tokio::sync::Semaphore;

use super::kit::{World, orders};
use crate::{HandlerError, StallReason, WorkerError, worker::ports::SourceEvent};

#[tokio::test(start_paused = true)]
async fn records_are_handled_in_order_and_committed() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Ok(()));
    script.assign([0, 1]);
    script.records(0, 0..5);
    script.records(1, 0..3);
    script.records(0, 5..8);
    world.until_committed(0, 8).await;
    world.until_committed(1, 3).await;
    assert_eq!(world.offsets_run(0), (0..8).collect::<Vec<_>>());
    let report = running.stop().await;
    assert_eq!((report.ledger().delivered(), report.ledger().handled(), report.drained()), (11, 11, true));
    assert!(world.see(|seen| seen.left), "the group is left");
}

#[tokio::test(start_paused = true)]
async fn commits_come_once_a_second_or_after_enough_settlements() {
    let world = World::new();
    let route = world.route(async |_, _| Ok(()));
    let (worker, script) = world.worker(|builder| builder.route("orders", route).commit_every(100));
    let running = world.start(worker);
    script.assign([0]);
    world.until_committed(0, 0).await;
    script.records(0, 0..10);
    world.until_committed(0, 10).await;
    let by_time = world.see(|seen| seen.commits.last().map(|commit| commit.0));
    assert_eq!(by_time, Some(2_000), "by the clock: the first commit was at 1 s");
    script.records(0, 10..300);
    world.until_committed(0, 300).await;
    // A hundred settlements do not wait for the clock.
    let early = world.see(|seen| seen.commits.iter().any(|(at, _, offset)| *at < 3_000 && *offset >= 110));
    assert!(early, "{:?}", world.see(|seen| seen.commits.clone()));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn progress_without_records_is_committed() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Ok(()));
    script.assign([0]);
    script.records(0, 0..2);
    script.say(SourceEvent::Position { topic_partition: orders(0), offset: 9 });
    world.until_committed(0, 9).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_waits_for_the_slowest_record() {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(0));
    let (running, script) = world.run({
        let gate = Arc::clone(&gate);
        move |offset, _| {
            let gate = Arc::clone(&gate);
            async move {
                if offset == 2 {
                    let _ = gate.acquire().await;
                }
                Ok(())
            }
        }
    });
    script.assign([0]);
    script.records(0, 0..5);
    script.say(SourceEvent::Position { topic_partition: orders(0), offset: 7 });
    world.until_committed(0, 2).await;
    gate.add_permits(1);
    world.until_committed(0, 7).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_paused_at_the_bound_and_resumed_below_half() {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(0));
    let route = world.route({
        let gate = Arc::clone(&gate);
        move |_, _| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.map_err(HandlerError::from)?.forget();
                Ok(())
            }
        }
    });
    let (worker, script) = world.worker(|builder| builder.route("orders", route).max_in_flight(10));
    let running = world.start(worker);
    script.assign([0, 1]);
    script.records(0, 0..9);
    script.records(1, 0..1);
    world.until("both run", |seen| seen.runs.len() == 2).await;
    assert!(world.see(|seen| seen.paused.is_empty()));
    script.records(0, 9..10);
    world.until("paused at 10", |seen| seen.paused.contains(&orders(0))).await;
    assert!(!world.see(|seen| seen.paused.contains(&orders(1))), "only the partition that is full");
    gate.add_permits(6);
    world.until("7 started", |seen| seen.runs.len() >= 7).await;
    gate.add_permits(100);
    world.until("resumed", |seen| seen.paused.is_empty()).await;
    assert!(running.stop().await.drained());
}

#[tokio::test(start_paused = true)]
async fn a_filtered_record_is_settled_without_its_handler() {
    let world = World::new();
    let route = world.route(async |_, _| Ok(())).filter(|record| record.offset() % 2 == 0);
    let (worker, script) = world.worker(|builder| builder.route("orders", route));
    let running = world.start(worker);
    script.assign([0]);
    script.records(0, 0..4);
    world.until_committed(0, 4).await;
    assert_eq!(world.offsets_run(0), [0, 2]);
    let report = running.stop().await;
    assert_eq!((report.ledger().filtered(), report.ledger().handled()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn failed_commits_are_made_up_for() {
    let world = World::new();
    world.change(|seen| seen.broken_commits = Some(Error::broker(ErrorCode::NOT_COORDINATOR, "OffsetCommit")));
    let (running, script) = world.run(async |_, _| Ok(()));
    script.assign([0]);
    script.records(0, 0..5);
    world.until("commits fail", |seen| seen.failed_commits == 3).await;
    world.change(|seen| seen.broken_commits = None);
    world.until_committed(0, 5).await;
    let report = running.stop().await;
    assert!(report.commit_failures() > 0 && report.drained());
}

#[tokio::test(start_paused = true)]
async fn a_topic_without_a_route_stands_still_and_is_named() {
    let world = World::new();
    let route = world.route(async |_, _| Ok(()));
    let (worker, script) = world.worker(|builder| builder.route("users", route));
    let mut running = world.start(worker);
    script.assign([0]);
    script.records(0, 0..3);
    running
        .until_health(|health| matches!(health.stalled(), [one] if matches!(one.reason(), StallReason::NoRoute)))
        .await;
    assert!(!running.health.current().ready() && running.health.current().live());
    running.stop().await;
    assert_ne!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(3), "nothing was passed");
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_ends_the_worker_and_holds_its_record() {
    let world = World::new();
    let (running, script) =
        world.run(async |offset, _| if offset == 2 { Err(HandlerError::fatal("no licence")) } else { Ok(()) });
    script.assign([0]);
    script.records(0, 0..5);
    let WorkerError::Fatal { offset, error, report, .. } = running.failure().await else { panic!("not fatal") };
    assert_eq!((offset, error.as_str()), (2, "no licence"));
    assert_eq!((report.ledger().handled(), report.ledger().released()), (2, 3));
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(2));
}

#[tokio::test(start_paused = true)]
async fn trouble_of_the_consumer_shows_and_passes() {
    let world = World::new();
    let (mut running, script) = world.run(async |_, _| Ok(()));
    script.assign([0]);
    running.until_health(crate::WorkerHealth::ready).await;
    script.fail(Error::broker(ErrorCode::COORDINATOR_NOT_AVAILABLE, "FindCoordinator"));
    running.until_health(|health| !health.ready() && health.trouble().is_some()).await;
    script.records(0, 0..3);
    running.until_health(crate::WorkerHealth::ready).await;
    world.until_committed(0, 3).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_gone_ends_the_worker_after_a_commit() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Ok(()));
    script.assign([0]);
    script.records(0, 0..3);
    world.until("all handled", |seen| seen.runs.len() == 3).await;
    script.fail(Error::closed());
    let WorkerError::Consumer { error, report } = running.failure().await else { panic!("not the consumer") };
    assert_eq!(error.kind(), &ErrorKind::Closed);
    assert_eq!(report.committed().get(&orders(0)), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn one_partition_may_fail_while_others_go_on() {
    let world = World::new();
    let (mut running, script) = world.run(async |_, _| Ok(()));
    script.assign([0, 1]);
    let kind = ErrorKind::OffsetOutOfRange {
        topic_partition: orders(0),
        offset: 5,
        log_start: Some(10),
        high_watermark: Some(20),
    };
    script.say(SourceEvent::Failed { topic_partition: orders(0), error: Error::new(kind) });
    script.records(1, 0..3);
    world.until_committed(1, 3).await;
    running.until_health(|health| health.stalled().len() == 1).await;
    let health = running.health.current();
    let text = health.stalled()[0].reason().to_string();
    assert!(text.contains("offset 5 of orders-0 is out of range: the log holds 10 to 20"), "{text}");
    // After a seek it is read on.
    script.records(0, 10..12);
    running.until_health(crate::WorkerHealth::ready).await;
    world.until_committed(0, 12).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_stuck_is_visible_until_its_record_is_settled() {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(0));
    let (mut running, script) = world.run({
        let gate = Arc::clone(&gate);
        move |offset, _| {
            let gate = Arc::clone(&gate);
            async move {
                if offset == 1 {
                    let _ = gate.acquire().await;
                }
                Ok(())
            }
        }
    });
    script.assign([0, 1]);
    script.records(0, 0..2);
    script.records(1, 0..1);
    let stuck = |health: &crate::WorkerHealth| {
        let [stalled] = health.stalled() else { return false };
        let reason = matches!(stalled.reason(), StallReason::Stuck { offset: 1, .. });
        *stalled.topic_partition() == orders(0) && reason && health.live() && !health.ready()
    };
    running.until_health(stuck).await;
    assert!((10_000..13_000).contains(&world.now()), "found at {} ms", world.now());
    gate.add_permits(1);
    running.until_health(crate::WorkerHealth::ready).await;
    world.until_committed(0, 2).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_not_fetched_lags_as_its_log_grows() {
    let world = World::new();
    world.change(|seen| seen.end = 500);
    let route = world.route(async |_, _| std::future::pending().await);
    let observer = Arc::new(world.clone());
    let (worker, script) =
        world.worker(|builder| builder.route("orders", route).max_in_flight(2).observer(observer.clone()));
    let running = world.start(worker);
    script.assign([0]);
    script.records(0, 0..2);
    let lags = |lag| move |seen: &super::kit::Seen| seen.lags.get(&orders(0)) == Some(&lag);
    world.until("the lag of its last fetch", lags(100)).await;
    world.until("the lag by now", lags(500)).await;
    world.change(|seen| seen.end = 900);
    world.until("the lag later", lags(900)).await;
    running.kill().await;
}
