//! What the broker knows: everything its connections share.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ottla_kafka_core::{BrokerAddr, Env};
use tokio::sync::Notify;

use crate::{builder::Settings, coordinator::Coordinator, faults::Faults, topics::Topics};

/// The broker's id; there is only this one.
pub(crate) const NODE_ID: i32 = 1;

/// The cluster's id.
pub(crate) const CLUSTER_ID: &str = "ottla-embedded-broker";

/// How often old records are looked for. Kafka: `log.retention.check.interval.ms`, 5 min.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// The broker's state and where it is reached.
#[derive(Debug)]
pub(crate) struct Node {
    settings: Settings,
    addr: BrokerAddr,
    env: Env,
    topics: Mutex<Topics>,
    /// Told whenever something was appended, or a fetch that waits would get another answer.
    changed: Notify,
    coordinator: Coordinator,
    next_producer_id: AtomicI64,
    faults: Faults,
}

impl Node {
    pub(crate) fn new(settings: Settings, addr: BrokerAddr, env: Env) -> Self {
        Self {
            coordinator: Coordinator::new(settings.initial_rebalance_delay),
            settings,
            addr,
            env,
            topics: Mutex::default(),
            changed: Notify::new(),
            // Not 0, which a client's default could hide behind.
            next_producer_id: AtomicI64::new(1000),
            faults: Faults::default(),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The address clients are told to connect to.
    pub(crate) fn addr(&self) -> &BrokerAddr {
        &self.addr
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The topics, until the guard is dropped; no handler awaits while it holds it.
    pub(crate) fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// The broker was down: it leads anew, and every session begins anew.
    pub(crate) fn resume(&self) {
        self.topics().each_log(|log, _| log.begin_epoch());
        self.coordinator.resume();
    }

    /// Forgets what has grown too old, for as long as it is polled.
    pub(crate) async fn keep_house(&self) {
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            let now = self.env.now_ms();
            self.topics().each_log(|log, config| log.forget_older(now, config.limits()));
        }
    }

    /// A producer id nobody had before.
    pub(crate) fn new_producer_id(&self) -> i64 {
        self.next_producer_id.fetch_add(1, Ordering::Relaxed)
    }
}
