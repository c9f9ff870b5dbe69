//! Two thousand orders a second on the binary, in a process of its own: its memory, its latencies, its end.

mod driver;
mod ending;
mod memory;

use std::time::Duration;

use ottla_tests::lane::Needs;

use crate::{command, harness::Suite};

pub(crate) fn tests(suite: &mut Suite) {
    let alone = Needs::ANY.alone();
    let (limit, release) = (Duration::from_secs(1_200), alone.release_binary());
    let memory = memory::memory_does_not_grow_under_orders;
    suite.long_test("load::memory_does_not_grow_under_orders", release.real_kafka(), limit, memory);
    let full = memory::a_full_broker_does_not_grow_under_orders;
    suite.long_test("load::a_full_broker_does_not_grow_under_orders", release, limit, full);
    let ending = ending::sigterm_under_orders_ends_in_time_and_loses_nothing;
    let name = "load::sigterm_under_orders_ends_in_time_and_loses_nothing";
    suite.long_test(name, alone, Duration::from_secs(300), ending);
}

/// Orders a second, as promised of a release build.
const RATE: u32 = 2_000;

/// A build for tests does not reach it, and shows the same of its end with fewer.
fn rate() -> u32 {
    if command::names_a_binary() { RATE } else { 50 }
}
