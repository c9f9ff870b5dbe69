//! An environment that is the same at each run.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::env::{BoxFuture, Clock, Env, Rng, Spawner};

/// SplitMix64.
pub(super) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[derive(Debug)]
struct Seeded(Mutex<u64>);

impl Rng for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.iter_mut().for_each(|byte| *byte = next(&mut state).to_le_bytes()[0]);
    }
}

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
}

#[derive(Debug)]
struct Tokio;

impl Spawner for Tokio {
    fn spawn(&self, _: &'static str, future: BoxFuture<'static, ()>) -> JoinHandle<()> {
        #[allow(clippy::disallowed_methods, reason = "this is a seam itself")]
        tokio::spawn(future)
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) -> JoinHandle<()> {
        self.spawn("blocking", Box::pin(async move { work() }))
    }
}

/// An environment that is the same at each run.
pub(super) fn seeded(seed: u64) -> Env {
    Env::new(Arc::new(Fixed), Arc::new(Seeded(Mutex::new(seed))), Arc::new(Tokio))
}
