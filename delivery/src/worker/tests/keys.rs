//! Several records of a partition at once: the order of each key, the bound, and what one key means to the others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::kit::{Running, Script, World, orders};
use crate::{Concurrency, HandlerError, StallReason, WorkerHealth};

/// Starts a worker whose handler does as `behave` says for (offset, attempt), as many at once as `concurrency` says.
pub(super) fn run<B, F>(world: &World, concurrency: Concurrency, behave: B) -> (Running, Script)
where
    B: Fn(i64, u32) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let route = world.route(behave).concurrency(concurrency);
    let (worker, script) = world.worker(|builder| builder.route("orders", route));
    (world.start(worker), script)
}

pub(super) async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn each_key_keeps_its_order_over_retries_and_waits_for_no_other() {
    let world = World::new();
    // "a" fails twice at its first record and once at its second.
    let (running, script) = run(&world, Concurrency::per_key(8), async |offset, attempt| match (offset, attempt) {
        (0, 1 | 2) | (2, 1) => Err(HandlerError::retry("no stock")),
        _ => Ok(()),
    });
    script.assign([0]);
    script.keyed(0, 0, "abaabc");
    world.until_committed(0, 6).await;
    let runs = |wanted: &[i64]| {
        let of = |run: &&(u128, i32, i64, u32)| wanted.contains(&run.2);
        world.see(|seen| seen.runs.iter().filter(of).map(|run| (run.0, run.2, run.3)).collect::<Vec<_>>())
    };
    assert_eq!(runs(&[0, 2, 3]), [(0, 0, 1), (100, 0, 2), (300, 0, 3), (300, 2, 1), (400, 2, 2), (400, 3, 1)]);
    assert_eq!(runs(&[1, 4, 5]), [(0, 1, 1), (0, 5, 1), (0, 4, 1)]);
    assert!(world.see(|seen| seen.paused.is_empty()), "a key that waits pauses nothing");
    assert!(running.stop().await.drained());
}

#[tokio::test(start_paused = true)]
async fn a_slow_key_holds_its_own_records_and_the_commit_only() {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(0));
    let (running, script) = run(&world, Concurrency::per_key(2), {
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
    script.assign([0]);
    script.keyed(0, 0, "abbacdefgb");
    world.until("all others", |seen| seen.runs.len() == 8).await;
    world.until_committed(0, 1).await;
    sleep(5_000).await;
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1));
    let mut ran = world.offsets_run(0);
    ran.sort_unstable();
    assert_eq!(ran, [0, 1, 3, 4, 5, 6, 7, 8], "2 and 9 have the key of 1");
    gate.add_permits(1);
    world.until_committed(0, 10).await;
    assert_eq!(world.offsets_run(0)[8..], [2, 9]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_are_handled_at_once_than_may_be() {
    let keys: String = (0..60).map(|i| char::from(b'a' + i % 20)).collect();
    for (concurrency, most) in [
        (Concurrency::per_partition(), 1),
        (Concurrency::per_key(7), 7),
        (Concurrency::per_key(1_000), 20),
        (Concurrency::unordered(9), 9),
    ] {
        let (world, running_now, seen) = (World::new(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (running, script) = run(&world, concurrency, {
            let (now, seen) = (Arc::clone(&running_now), Arc::clone(&seen));
            move |offset, attempt| {
                let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
                async move {
                    seen.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    sleep(10 + offset.unsigned_abs() % 7).await;
                    now.fetch_sub(1, Ordering::Relaxed);
                    if offset % 5 == 0 && attempt == 1 { Err(HandlerError::retry("once")) } else { Ok(()) }
                }
            }
        });
        script.assign([0]);
        script.keyed(0, 0, &keys);
        world.until_committed(0, 60).await;
        assert_eq!(seen.load(Ordering::Relaxed), most, "{concurrency:?}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_keep_the_order_of_the_partition() {
    let world = World::new();
    let (running, script) = run(&world, Concurrency::per_key(8), async |_, _| {
        sleep(100).await;
        Ok(())
    });
    script.assign([0]);
    script.keyed(0, 0, "-a--");
    world.until_committed(0, 4).await;
    let runs = world.see(|seen| seen.runs.iter().map(|run| (run.0, run.2)).collect::<Vec<_>>());
    assert_eq!(runs, [(0, 0), (0, 1), (100, 2), (200, 3)]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_bound_of_what_is_in_flight_counts_what_waits_behind_its_key() {
    let (world, gate) = (World::new(), Arc::new(Semaphore::new(0)));
    let route = world.route({
        let gate = Arc::clone(&gate);
        move |_, _| {
            let gate = Arc::clone(&gate);
            async move { gate.acquire().await.map(drop).map_err(HandlerError::from) }
        }
    });
    let route = route.concurrency(Concurrency::per_key(2));
    let (worker, script) = world.worker(|builder| builder.route("orders", route).max_in_flight(6));
    let running = world.start(worker);
    script.assign([0]);
    script.keyed(0, 0, "aaaab");
    world.until("both keys run", |seen| seen.runs.len() == 2).await;
    assert!(world.see(|seen| seen.paused.is_empty()));
    script.keyed(0, 5, "c");
    world.until("paused at 6", |seen| seen.paused.contains(&orders(0))).await;
    gate.add_permits(1);
    world.until_committed(0, 6).await;
    assert!(world.see(|seen| seen.paused.is_empty()));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_holds_its_key_and_stays_visible_while_others_go_on() {
    let world = World::new();
    world.break_topic("orders-dlq");
    let (mut running, script) = run(&world, Concurrency::per_key(4), async |offset, _| match offset {
        1 => Err(HandlerError::reject("cancelled")),
        _ => Ok(()),
    });
    script.assign([0]);
    script.keyed(0, 0, "abb");
    let stands = |health: &WorkerHealth| {
        let [stalled] = health.stalled() else { return false };
        matches!(stalled.reason(), StallReason::DeadLetter { .. }) && !health.ready() && health.live()
    };
    running.until_health(stands).await;
    for round in 0..20 {
        script.keyed(0, 3 + round * 4, "acde");
        world.until("others go on", |seen| seen.runs.len() as i64 == 2 + (round + 1) * 4).await;
        assert!(stands(&running.health.current()), "in round {round}");
    }
    world.until_committed(0, 1).await;
    sleep(5_000).await;
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1), "no commit passes it");
    assert!(!world.offsets_run(0).contains(&2), "its key waits");
    assert!(world.see(|seen| seen.paused.is_empty()));
    world.heal();
    world.until_committed(0, 83).await;
    running.until_health(WorkerHealth::ready).await;
    assert_eq!(world.offsets_run(0).last(), Some(&2));
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().dead_lettered(), report.drained()), (82, 1, true));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_stuck_is_visible_while_others_go_on() {
    let (world, gate) = (World::new(), Arc::new(Semaphore::new(0)));
    let (mut running, script) = run(&world, Concurrency::per_key(4), {
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
    script.assign([0]);
    script.keyed(0, 0, "abcd");
    for round in 0..12 {
        script.keyed(0, 4 + round * 2, "ac");
        sleep(1_000).await;
    }
    let stuck = |health: &WorkerHealth| matches!(health.stalled(), [one] if matches!(one.reason(), StallReason::Stuck { offset: 1, .. }));
    running.until_health(stuck).await;
    assert!((10_000..14_000).contains(&world.now()), "found at {} ms", world.now());
    gate.add_permits(1);
    running.until_health(WorkerHealth::ready).await;
    world.until_committed(0, 28).await;
    running.stop().await;
}
