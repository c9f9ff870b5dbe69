//! Orders at a rate that does not wait for the answers: a service that becomes slow is not asked less.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use ottla_tests::trend::quantile;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{harness::Context, http::Connection, support::shop};

/// Connections that take turns. As many orders are on their way at most; what is late then counts as latency.
const CONNECTIONS: u32 = 128;

/// Posts orders to one service until told to stop, and keeps what was answered.
pub(super) struct Driver<'a> {
    cx: &'a Context,
    port: u16,
    rate: u32,
    told: Mutex<Told>,
}

/// What was answered so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By order: the status, or nothing if none came.
    pub(super) orders: BTreeMap<String, Option<u16>>,
    /// From when an order was due to its answer.
    latencies: Vec<Duration>,
}

impl<'a> Driver<'a> {
    /// Orders a second for the service at `port`.
    pub(super) fn new(cx: &'a Context, port: u16, rate: u32) -> Self {
        Self { cx, port, rate, told: Mutex::default() }
    }

    /// Posts until `over`; a service that is gone is not asked again.
    pub(super) async fn run(&self, over: watch::Receiver<bool>) {
        let started = Instant::now();
        join_all((0..CONNECTIONS).map(|first| self.post_in_turn(first, started, over.clone()))).await;
    }

    async fn post_in_turn(&self, first: u32, started: Instant, mut over: watch::Receiver<bool>) {
        let mut connection = None;
        for turn in 0_u32.. {
            let number = f64::from(turn) * f64::from(CONNECTIONS) + f64::from(first);
            let due = started + Duration::from_secs_f64(number / f64::from(self.rate));
            tokio::select! {
                biased;
                _ = over.wait_for(|over| *over) => return,
                () = sleep_until(due) => {}
            }
            let mut usable = match connection.take() {
                Some(usable) => usable,
                None => match Connection::open(self.port).await {
                    Ok(fresh) => fresh,
                    Err(_) => return,
                },
            };
            let id = self.cx.env().uuid().to_string();
            let answer = usable.post("/orders", &shop::order(&id).to_string()).await;
            let status = answer.as_ref().ok().map(|(answer, _)| answer.status);
            let mut told = self.told();
            told.orders.insert(id, status);
            told.latencies.push(due.elapsed());
            connection = answer.is_ok_and(|(_, again)| again).then_some(usable);
        }
    }

    /// What was answered since this was asked last, and what remains of it is given away: a long run must not fill the
    /// driver's memory.
    pub(super) fn take(&self) -> Told {
        std::mem::take(&mut *self.told())
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// How many orders were answered so.
    pub(super) fn count(&self, status: Option<u16>) -> usize {
        self.orders.values().filter(|other| **other == status).count()
    }

    /// The latency below which half, and 99 of a hundred, of the answers came.
    pub(super) fn latencies(&self) -> (Duration, Duration) {
        let mut latencies = self.latencies.clone();
        (quantile(&mut latencies, 0.5), quantile(&mut latencies, 0.99))
    }

    /// Adds what was told later.
    pub(super) fn append(&mut self, mut other: Self) {
        self.orders.append(&mut other.orders);
        self.latencies.append(&mut other.latencies);
    }
}
