use std::{fs, time::Duration};

use libtest_mimic::Failed;
use ottla_kafka_core::{Client, Producer, ProducerRecord};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

use crate::{
    harness::{Context, Outcome},
    support::Proxied,
};

const RECONNECTS: usize = 1_000;
/// What may differ for reasons of its own: an allocator's arenas, a name's lookup, a broker's task at its end.
const SLACK: Usage = Usage { descriptors: 2, tasks: 2, bytes: 8 << 20 };
const LIMIT: Duration = Duration::from_secs(30);

/// What the process has.
#[derive(Clone, Copy, Debug)]
struct Usage {
    descriptors: usize,
    tasks: usize,
    bytes: u64,
}

impl Usage {
    fn now() -> Result<Self, Failed> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(Self {
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            tasks: Handle::current().metrics().num_alive_tasks(),
            bytes: kilobytes << 10,
        })
    }

    fn is_within(self, before: Self) -> bool {
        self.descriptors <= before.descriptors + SLACK.descriptors
            && self.tasks <= before.tasks + SLACK.tasks
            && self.bytes <= before.bytes + SLACK.bytes
    }
}

pub(super) async fn a_thousand_reconnects_leave_nothing_behind(cx: Context) -> Outcome {
    let proxied = Proxied::start(&cx).await?;
    let client = proxied.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let producer = Producer::builder(&client).linger(Duration::ZERO).build()?;
    // The first rounds fill what stays: buffers, caches, an allocator's arenas.
    reconnect(&client, &producer, &proxied, &topic, RECONNECTS / 10).await?;
    let before = Usage::now()?;
    let begun = Instant::now();
    reconnect(&client, &producer, &proxied, &topic, RECONNECTS).await?;
    let took = begun.elapsed();
    let deadline = Instant::now() + LIMIT;
    let mut after = Usage::now()?;
    while !after.is_within(before) {
        assert!(Instant::now() < deadline, "after {RECONNECTS} reconnects {after:?}, before {before:?}");
        sleep(Duration::from_millis(50)).await;
        after = Usage::now()?;
    }
    cx.figure(&format!("{RECONNECTS} reconnects in {took:?}: before {before:?}, after {after:?}"));
    producer.close().await;
    client.close().await;
    Ok(())
}

/// Uses the connections, and cuts them all, `times` over.
async fn reconnect(client: &Client, producer: &Producer, proxied: &Proxied, topic: &str, times: usize) -> Outcome {
    for _ in 0..times {
        producer.send(ProducerRecord::to(topic).value("again")).await?;
        client.metadata().refresh_after(client.metadata().cluster().generation()).await?;
        proxied.cut_all();
        let deadline = Instant::now() + LIMIT;
        while client.is_connected() {
            assert!(Instant::now() < deadline, "a cut connection is not noticed");
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
