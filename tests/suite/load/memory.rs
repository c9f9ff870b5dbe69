use std::time::Duration;

use libtest_mimic::Failed;
use ottla_tests::trend::slope;
use tokio::{
    sync::watch,
    time::{Instant, interval},
};

use super::{
    driver::{Driver, Told},
    rate,
};
use crate::{
    harness::{Context, Outcome},
    support::{Process, shop},
};

/// Until buffers, caches, the last orders that are remembered and the allocator have what they need.
const WARM_UP: Duration = Duration::from_secs(90);
/// MiB a minute.
const GROWTH: f64 = 1.0;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) async fn memory_does_not_grow_under_orders(cx: Context) -> Outcome {
    let measured = Duration::from_secs(cx.size().of(60, 600));
    let mut service = Process::together(&cx, "memory")?;
    service.up().await?;
    shop::seed(service.port()).await?;
    let driver = Driver::new(&cx, service.port(), rate());
    let (over, running) = watch::channel(false);
    let watching = async {
        let watched = watch(&service, &driver, measured).await;
        over.send_replace(true);
        watched
    };
    let (watched, ()) = tokio::join!(watching, driver.run(running));
    let (samples, mut told) = watched?;
    let (p50, p99) = told.latencies();
    let a_minute = slope(&samples) / MIB;
    let seconds = measured.as_secs();
    let (accepted, others) = (told.count(Some(202)), told.orders.len() - told.count(Some(202)));
    let last = samples.last().map_or(0.0, |sample| sample.1 / MIB);
    cx.figure(&format!(
        "{} orders a second offered for {seconds} s, {} accepted a second, {others} not; p50 {p50:?}, p99 {p99:?}; \
         {last:.1} MiB resident, growing {a_minute:.2} MiB a minute ({} samples)",
        rate(),
        accepted as u64 / seconds,
        samples.len(),
    ));
    assert_eq!(told.count(None), 0, "orders without an answer");
    assert!(accepted > others * 100, "{others} of {} orders were not accepted", told.orders.len());
    assert!(a_minute < GROWTH, "memory grows {a_minute:.2} MiB a minute: {samples:?}");
    service.end().await?;
    service.forget(&cx).await
}

/// The resident bytes of the service each second, by minutes, and what was answered meanwhile.
async fn watch(service: &Process, driver: &Driver<'_>, measured: Duration) -> Result<(Vec<(f64, f64)>, Told), Failed> {
    let (mut samples, mut told) = (Vec::new(), Told::default());
    let mut turns = interval(Duration::from_secs(1));
    let started = Instant::now();
    while started.elapsed() < WARM_UP + measured {
        turns.tick().await;
        let bytes = service.resident_bytes()?;
        let since = driver.take();
        if let Some(after) = started.elapsed().checked_sub(WARM_UP) {
            samples.push((after.as_secs_f64() / 60.0, bytes as f64));
            told.append(since);
        }
    }
    Ok((samples, told))
}
