//! Several members against one coordinator, in paused time: members are killed and expelled, leave, stall and hold
//! guards too long; the coordinator moves, falls silent, loses answers. A seed repeats all of it.

mod coordinator;
mod fetcher;
mod member;
mod node;

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::TopicPartition;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use coordinator::Coordinator;
use member::Member;

const PARTITIONS: i32 = 5;
const MEMBERS_MAX: usize = 4;
/// How long everything goes wrong.
const STORM: Duration = Duration::from_secs(240);
/// How soon all is read and committed afterwards: the session and the poll interval of the last that was killed, a
/// drain, and some tries.
const CALM: Duration = Duration::from_secs(150);
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(60);
const REVOKE_DRAIN: Duration = Duration::from_secs(5);

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn members_lose_nothing_own_nothing_twice_and_commit_only_forward(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let violations = runtime.expect("a runtime").block_on(storm_and_calm(seed));
        prop_assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}

/// Returns what went wrong.
async fn storm_and_calm(seed: u64) -> Vec<String> {
    let coordinator = Arc::new(Coordinator::new(seed));
    let mut members = vec![Member::start(&coordinator, 0)];
    let mut processes = 1;
    let end = Instant::now() + STORM;
    while Instant::now() < end {
        sleep(Duration::from_millis(coordinator.between(300, 6_000))).await;
        match coordinator.between(0, 7) {
            0 | 1 if members.len() < MEMBERS_MAX => {
                members.push(Member::start(&coordinator, processes));
                processes += 1;
            }
            2 if !members.is_empty() => drop(members.remove(0)),
            3 if !members.is_empty() => members.remove(0).close().await,
            4 => coordinator.expel(),
            _ => coordinator.trouble(),
        }
    }
    coordinator.calm_down();
    members.push(Member::start(&coordinator, processes));
    let end = Instant::now() + CALM;
    while !coordinator.is_done() && Instant::now() < end {
        sleep(Duration::from_millis(500)).await;
    }
    coordinator.verdict()
}

fn partitions() -> impl Iterator<Item = TopicPartition> {
    (0..PARTITIONS).map(super::tp)
}
