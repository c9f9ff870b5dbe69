//! Two thousand orders a second on the binary, in a process of its own: its memory, its latencies, its end.

mod driver;
mod ending;
mod memory;

use std::time::Duration;

use ottla_tests::lane::Needs;

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    let alone = Needs::ANY.alone();
    let memory = memory::memory_does_not_grow_under_orders;
    // With a broker that remembers in a process of its own; and `cargo test` of a newcomer is two minutes shorter.
    let needs = alone.real_kafka();
    suite.long_test("load::memory_does_not_grow_under_orders", needs, Duration::from_secs(1_200), memory);
    let ending = ending::sigterm_under_orders_ends_in_time_and_loses_nothing;
    let name = "load::sigterm_under_orders_ends_in_time_and_loses_nothing";
    suite.long_test(name, alone, Duration::from_secs(300), ending);
}

/// Orders a second: what is promised of a release build, which `OTTLA_TEST_BINARY` names; a build for tests does not
/// reach it, and shows the same with fewer.
fn rate() -> u32 {
    if std::env::var_os("OTTLA_TEST_BINARY").is_some() { 2_000 } else { 50 }
}
