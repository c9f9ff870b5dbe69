//! Several records of a partition at once, when it ends: revoked, shut down, fatal, panicked, killed.

use std::{collections::BTreeMap, time::Duration};

use super::{
    keys::{run, sleep},
    kit::{World, orders},
};
use crate::{Concurrency, HandlerError};

#[tokio::test(start_paused = true)]
async fn a_revoke_waits_for_all_that_run_and_starts_nothing() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(3), async |offset, _| {
        sleep(1_000 + 500 * offset.unsigned_abs()).await;
        Ok(())
    });
    script.assign([0]);
    script.keyed(0, 0, "abcda");
    world.until("three run", |seen| seen.runs.len() == 3).await;
    let _ = script.revoke([0]).await;
    assert_eq!((world.now(), world.offsets_run(0)), (2_000, vec![0, 1, 2]));
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(3), "committed before the release");
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().released()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_revoke_waits_for_no_retry_and_commits_up_to_it() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(4), async |offset, _| match offset {
        1 => Err(HandlerError::retry_after(Duration::from_secs(20), "busy")),
        3 => {
            sleep(2_000).await;
            Ok(())
        }
        _ => Ok(()),
    });
    script.assign([0]);
    script.keyed(0, 0, "abcdb");
    world.until("four run", |seen| seen.runs.len() == 4).await;
    let _ = script.revoke([0]).await;
    assert_eq!(world.now(), 2_000, "the attempt that runs is waited for, the wait is not");
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1));
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().released()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_and_what_must_wait_goes_back_with_all_behind_it() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(2), async |offset, _| {
        sleep(if offset == 0 { 500 } else { 1_000 }).await;
        if offset == 3 { Err(HandlerError::retry("busy")) } else { Ok(()) }
    });
    script.assign([0]);
    script.keyed(0, 0, "aabcdef");
    world.until("two run", |seen| seen.runs.len() == 2).await;
    let report = running.stop().await;
    // 0 and 2 at once, then 1 and 3; 3 goes back while 1 still ran, 4 had not started.
    assert_eq!(world.offsets_run(0), [0, 2, 1, 3, 4]);
    assert_eq!((report.ledger().handled(), report.ledger().released(), report.drained()), (4, 3, false));
    assert_eq!(report.committed().get(&orders(0)), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_trouble_drains_all_keys() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(3), async |_, _| {
        sleep(1_000).await;
        Ok(())
    });
    script.assign([0]);
    script.keyed(0, 0, "aabbccddee");
    world.until("some run", |seen| seen.runs.len() == 3).await;
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.drained(), world.now()), (10, true, 4_000));
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_starts_nothing_more_and_lets_the_others_end() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(3), async |offset, _| {
        sleep(100 * offset.unsigned_abs()).await;
        if offset == 1 { Err(HandlerError::fatal("no licence")) } else { Ok(()) }
    });
    script.assign([0]);
    script.keyed(0, 0, "abcdef");
    let error = running.failure().await;
    assert!(error.to_string().contains("offset 1 of orders-0"), "{error}");
    // 3 took the room of 0; nothing took that of 1.
    assert_eq!(world.offsets_run(0), [0, 1, 2, 3]);
    assert_eq!((error.report().ledger().handled(), error.report().ledger().released()), (3, 3));
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_attempt_of_its_record_and_ends_no_other() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(4), async |offset, attempt| {
        sleep(50).await;
        assert!(offset != 1 || attempt > 2, "a bug in the handler");
        Ok(())
    });
    script.assign([0]);
    script.keyed(0, 0, "abcb");
    world.until_committed(0, 4).await;
    assert_eq!(world.offsets_run(0), [0, 1, 2, 1, 1, 3]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_worker_commits_nothing_that_is_not_settled() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::unordered(4), async |offset, _| {
        sleep(if offset == 5 { 60_000 } else { 10 }).await;
        Ok(())
    });
    script.assign([0]);
    script.keyed(0, 0, "aaaaaaaaaa");
    world.until_committed(0, 5).await;
    sleep(3_000).await;
    running.kill().await;
    let runs = world.offsets_run(0);
    assert_eq!((runs.len(), world.see(|seen| seen.committed[&orders(0)])), (10, 5));
    let times = runs.into_iter().fold(BTreeMap::new(), |mut times: BTreeMap<_, u32>, offset| {
        *times.entry(offset).or_default() += 1;
        times
    });
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}
