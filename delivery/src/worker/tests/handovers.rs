//! Killed, revoked, lost, shut down: nothing is lost, and nothing is committed that is not settled.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::kit::{World, orders};
use crate::{HandlerError, worker::ports::SourceEvent};

#[tokio::test(start_paused = true)]
async fn a_killed_workers_records_come_again_and_none_is_missing() {
    let world = World::new();
    for killed_at in [3, 7, 12] {
        let (running, script) = world.run(async |_, _| {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        });
        script.assign([0]);
        let from = world.see(|seen| seen.committed.get(&orders(0)).copied().unwrap_or(0));
        script.records(0, from..20);
        world.until("some run", |seen| seen.runs.iter().any(|run| run.2 == killed_at)).await;
        running.kill().await;
    }
    let (running, script) = world.run(async |_, _| Ok(()));
    script.assign([0]);
    let from = world.see(|seen| seen.committed.get(&orders(0)).copied().unwrap_or(0));
    script.records(0, from..20);
    world.until_committed(0, 20).await;
    running.stop().await;
    let runs = world.offsets_run(0);
    for offset in 0..20 {
        let times = runs.iter().filter(|run| **run == offset).count();
        assert!((1..=2).contains(&times), "{offset} was handled {times} times: only the last second comes again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoke_waits_for_the_attempt_that_runs_and_commits_it() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    });
    script.assign([0, 1]);
    script.records(0, 0..5);
    script.records(1, 0..1);
    world.until("both run", |seen| seen.runs.len() == 2).await;
    let released = script.revoke([0]);
    let _ = released.await;
    assert_eq!((world.now(), world.offsets_run(0)), (3_000, vec![0]));
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1), "committed before the release");
    world.until_committed(1, 1).await;
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().released()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_revoke_does_not_wait_for_a_retry() {
    let world = World::new();
    let (running, script) = world.run(async |offset, _| match offset {
        2 => Err(HandlerError::retry_after(Duration::from_secs(20), "busy")),
        _ => Ok(()),
    });
    script.assign([0]);
    script.records(0, 0..5);
    world.until("the failing record", |seen| seen.runs.len() == 3).await;
    let started = world.now();
    let _ = script.revoke([0]).await;
    assert_eq!(world.now(), started, "a wait is no work");
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(2));
    // The next owner begins with the record that failed.
    script.assign([0]);
    script.records(0, 2..5);
    world.until("it runs again", |seen| seen.runs.len() == 4).await;
    assert_eq!(world.offsets_run(0), [0, 1, 2, 2]);
    let report = running.stop().await;
    assert_eq!((report.ledger().delivered(), report.ledger().released()), (8, 6));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_end_cannot_hold_a_rebalance() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| {
        tokio::time::sleep(Duration::from_secs(25)).await;
        Ok(())
    });
    script.assign([0]);
    script.records(0, 0..1);
    world.until("it runs", |seen| seen.runs.len() == 1).await;
    let _ = script.revoke([0]).await;
    assert!(world.now() <= 10_000, "at {}", world.now());
    assert_eq!(running.stop().await.ledger().released(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_for_a_lost_partition() {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(0));
    let (running, script) = world.run({
        let gate = Arc::clone(&gate);
        move |_, _| {
            let gate = Arc::clone(&gate);
            async move { gate.acquire().await.map(|_| ()).map_err(HandlerError::from) }
        }
    });
    script.assign([0]);
    world.until_committed(0, 0).await;
    script.records(0, 0..5);
    world.until("one runs", |seen| seen.runs.len() == 1).await;
    script.say(SourceEvent::Lost(vec![orders(0)]));
    // Its records come again at the same offsets, and are new deliveries.
    script.assign([0]);
    script.records(0, 0..2);
    world.until("it runs again", |seen| seen.runs.len() == 2).await;
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(0));
    gate.add_permits(1);
    world.until_committed(0, 2).await;
    let report = running.stop().await;
    assert_eq!((report.ledger().delivered(), report.ledger().handled(), report.ledger().released()), (7, 2, 5));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_what_was_fetched() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    script.assign([0]);
    script.records(0, 0..10);
    world.until("one runs", |seen| seen.runs.len() == 1).await;
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.drained()), (10, true));
    assert_eq!(report.committed().get(&orders(0)), Some(&10));
    assert!(world.see(|seen| seen.left));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_with_its_grace_and_loses_nothing() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| {
        tokio::time::sleep(Duration::from_secs(8)).await;
        Ok(())
    });
    script.assign([0]);
    script.records(0, 0..10);
    world.until("one runs", |seen| seen.runs.len() == 1).await;
    let report = running.stop().await;
    assert_eq!(world.now(), 20_000);
    assert_eq!((report.ledger().handled(), report.ledger().released(), report.drained()), (2, 8, false));
    assert_eq!(report.committed().get(&orders(0)), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_retry() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Err(HandlerError::retry_after(Duration::from_secs(15), "busy")));
    script.assign([0]);
    script.records(0, 0..2);
    world.until("paused", |seen| seen.paused.contains(&orders(0))).await;
    let started = world.now();
    let health = running.health.clone();
    let report = running.stop().await;
    assert_eq!(world.now(), started);
    assert_eq!((report.ledger().released(), report.drained()), (2, false));
    assert!(!health.current().live());
}
