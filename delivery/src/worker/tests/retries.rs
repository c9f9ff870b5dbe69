//! Attempts: counted, waited for, in order.

use std::time::Duration;

use super::kit::{World, orders};
use crate::{HandlerError, RetryPolicy};

#[tokio::test(start_paused = true)]
async fn a_failed_record_is_tried_again_before_the_next_one_starts() {
    let world = World::new();
    let (running, script) =
        world.run(
            async |offset, attempt| {
                if offset == 1 && attempt < 4 { Err(HandlerError::retry("no stock")) } else { Ok(()) }
            },
        );
    script.assign([0, 1]);
    script.records(0, 0..3);
    script.records(1, 0..3);
    world.until_committed(0, 3).await;
    let runs = world.see(|seen| seen.runs.iter().filter(|run| run.1 == 0).copied().collect::<Vec<_>>());
    // 100, 200 and 400 ms after each failure; both partitions fail at their offset 1.
    let expected = [(0, 0, 1), (0, 1, 1), (100, 1, 2), (300, 1, 3), (700, 1, 4), (700, 2, 1)];
    assert_eq!(runs.iter().map(|(at, _, offset, attempt)| (*at, *offset, *attempt)).collect::<Vec<_>>(), expected);
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().dead_lettered()), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn other_partitions_do_not_wait_for_a_retry() {
    let world = World::new();
    let route = world
        .route(async |_, attempt| if attempt == 1 { Err(HandlerError::retry("once")) } else { Ok(()) })
        .retry(RetryPolicy::commerce());
    let (worker, script) = world.worker(|builder| builder.route("orders", route));
    let running = world.start(worker);
    script.assign([0, 1]);
    script.records(0, 0..1);
    world.until("paused", |seen| seen.paused.contains(&orders(0))).await;
    // Polling goes on: the other partition's records arrive and are handled meanwhile.
    script.records(1, 0..1);
    world.until("the other partition runs", |seen| seen.runs.iter().any(|run| run.1 == 1)).await;
    assert!(world.now() < 2_000, "at {}", world.now());
    world.until_committed(0, 1).await;
    world.until("resumed", |seen| seen.paused.is_empty()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_settled_is_committed_before_the_next_attempt() {
    let world = World::new();
    let (running, script) =
        world.run(
            async |offset, attempt| {
                if offset == 3 && attempt == 1 { Err(HandlerError::retry("once")) } else { Ok(()) }
            },
        );
    script.assign([0]);
    script.records(0, 0..4);
    world.until("the second attempt", |seen| seen.runs.iter().any(|run| run.3 == 2)).await;
    let committed = world.see(|seen| seen.committed.get(&orders(0)).copied());
    assert_eq!((committed, world.now()), (Some(3), 100), "committed before the clock asks for it");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_handlers_own_wait_is_kept() {
    let world = World::new();
    let (running, script) =
        world.run(
            async |_, attempt| {
                if attempt == 1 { Err(HandlerError::retry_after(Duration::from_secs(7), "busy")) } else { Ok(()) }
            },
        );
    script.assign([0]);
    script.records(0, 0..1);
    world.until_committed(0, 1).await;
    assert_eq!(world.see(|seen| seen.runs.last().map(|run| run.0)), Some(7_000));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_attempt_and_ends_nothing() {
    let world = World::new();
    let (running, script) = world.run(async |offset, attempt| {
        assert!(offset != 0 || attempt > 2, "a bug in the handler");
        Ok(())
    });
    script.assign([0]);
    script.records(0, 0..2);
    world.until_committed(0, 2).await;
    assert_eq!(world.offsets_run(0), [0, 0, 0, 1]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_tried_again() {
    let world = World::new();
    let (running, script) = world.run(async |_, attempt| {
        if attempt == 1 {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    script.assign([0]);
    script.records(0, 0..1);
    world.until_committed(0, 1).await;
    assert_eq!(world.see(|seen| seen.runs.last().map(|run| (run.0, run.3))), Some((30_100, 2)));
    running.stop().await;
}
