use std::{path::Path, time::Duration};

use libtest_mimic::Failed;
use ottla_tests::trend::slope;
use tokio::{
    sync::watch,
    time::{Instant, interval, sleep},
};

use super::{
    RATE,
    driver::{Driver, Told},
};
use crate::{
    command,
    fixture::{child::Signal, ports},
    harness::{Context, Outcome},
    support::{Process, shop},
};

/// As many orders as are taken, for so long: buffers, caches, what is fetched ahead of a consumer that falls behind and
/// the allocator have all that they may have then. A moment's overload later shows nothing new, and a leak still grows.
const RUSH: Duration = Duration::from_secs(60);
const RUSH_RATE: u32 = 1_000_000;
/// Until the rush is over for the service, too.
const WARM_UP: Duration = Duration::from_secs(30);
/// MiB a minute.
const GROWTH: f64 = 1.0;
const MIB: f64 = 1024.0 * 1024.0;
/// What the broker in memory may take for records, in MiB: so much comes in well within the warm-up.
const CAP: &str = "12";

pub(super) async fn memory_does_not_grow_under_orders(cx: Context) -> Outcome {
    let mut service = Process::together(&cx, "memory")?;
    service.up().await?;
    let measured = measure(&cx, &service, &[]).await?;
    cx.figure(&measured.text("serve pubsub"));
    measured.check("serve pubsub", 0)?;
    service.end().await?;
    service.forget(&cx).await
}

pub(super) async fn a_full_broker_does_not_grow_under_orders(cx: Context) -> Outcome {
    let dir = cx.fixture().dir("capped-broker")?;
    let listen = format!("127.0.0.1:{}", ports::free(1)?.first().ok_or("no port")?);
    let mut broker = command::start(&["broker", "--listen", &listen, "--memory", CAP], &dir, &dir.join("log"))?;
    let mut service = Process::together_on(&cx, "capped", &listen)?;
    service.up().await?;
    let measured = measure(&cx, &service, &[broker.pid()]).await?;
    cx.figure(&measured.text(&format!("serve pubsub, broker --memory {CAP}")));
    measured.check("serve pubsub", 0)?;
    measured.check("broker", 1)?;
    service.end().await?;
    broker.signal(Signal::Term)?;
    assert!(broker.wait().await?.success(), "{}", broker.tail(20));
    Ok(())
}

/// What a minute or ten under orders have shown.
struct Measured {
    seconds: u64,
    told: Told,
    /// By process: resident bytes by minutes.
    resident: Vec<Vec<(f64, f64)>>,
    /// Records that wait for the consumer at the end.
    lag: u64,
}

/// Puts orders on `service` and watches its memory, and that of `others` by their process ids.
async fn measure(cx: &Context, service: &Process, others: &[u32]) -> Result<Measured, Failed> {
    let seconds = cx.size().of(60, 600);
    shop::seed(service.port()).await?;
    rush(cx, service.port()).await;
    let driver = Driver::new(cx, service.port(), RATE);
    let (over, running) = watch::channel(false);
    let processes: Vec<u32> = [service.pid()?].iter().chain(others).copied().collect();
    let watching = async {
        let watched = watch(&processes, &driver, Duration::from_secs(seconds)).await;
        over.send_replace(true);
        watched
    };
    let (watched, ()) = tokio::join!(watching, driver.run(running));
    let (resident, told) = watched?;
    Ok(Measured { seconds, told, resident, lag: shop::lag(service.port()).await? })
}

/// Puts in as many orders as are taken.
async fn rush(cx: &Context, port: u16) {
    let driver = Driver::new(cx, port, RUSH_RATE);
    let (over, running) = watch::channel(false);
    let ending = async {
        sleep(RUSH).await;
        over.send_replace(true);
    };
    tokio::join!(ending, driver.run(running));
}

/// The resident bytes of each process each second, by minutes, and what was answered meanwhile.
async fn watch(
    processes: &[u32],
    driver: &Driver<'_>,
    measured: Duration,
) -> Result<(Vec<Vec<(f64, f64)>>, Told), Failed> {
    let (mut samples, mut told) = (vec![Vec::new(); processes.len()], Told::default());
    let mut turns = interval(Duration::from_secs(1));
    let started = Instant::now();
    while started.elapsed() < WARM_UP + measured {
        turns.tick().await;
        let since = driver.take();
        if let Some(after) = started.elapsed().checked_sub(WARM_UP) {
            for (samples, pid) in samples.iter_mut().zip(processes) {
                samples.push((after.as_secs_f64() / 60.0, resident_bytes(*pid)? as f64));
            }
            told.append(since);
        }
    }
    Ok((samples, told))
}

/// The memory that a process has, in bytes.
fn resident_bytes(pid: u32) -> Result<u64, Failed> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

impl Measured {
    fn growth(&self, process: usize) -> f64 {
        self.resident.get(process).map_or(f64::INFINITY, |samples| slope(samples) / MIB)
    }

    fn text(&self, what: &str) -> String {
        let (p50, p99) = self.told.latencies();
        let accepted = self.told.count(Some(202));
        let memory: Vec<_> = (0..self.resident.len())
            .map(|process| {
                let last = self.resident.get(process).and_then(|samples| samples.last());
                format!(
                    "{:.1} MiB, growing {:.2} MiB a minute",
                    last.map_or(0.0, |last| last.1 / MIB),
                    self.growth(process)
                )
            })
            .collect();
        format!(
            "{what}: {RATE} orders a second offered for {} s, {} accepted a second, {} not; p50 {p50:?}, p99 {p99:?}; \
             lag {} at the end; resident {}",
            self.seconds,
            accepted as u64 / self.seconds,
            self.told.orders.len() - accepted,
            self.lag,
            memory.join("; ")
        )
    }

    /// What must hold of the process: its memory stays, whatever was offered.
    fn check(&self, name: &str, process: usize) -> Outcome {
        let accepted = self.told.count(Some(202));
        let others = self.told.orders.len() - accepted;
        assert_eq!(self.told.count(None), 0, "orders without an answer");
        assert!(accepted > others * 100, "{others} of {} orders were not accepted", self.told.orders.len());
        let growth = self.growth(process);
        assert!(growth < GROWTH, "{name} grows {growth:.2} MiB a minute: {:?}", self.resident.get(process));
        Ok(())
    }
}
