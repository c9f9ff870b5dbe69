//! How connections come and go: addresses that lie, clusters that move, and a thousand reconnects that leave nothing.

mod lies;
mod reconnects;

use std::time::Duration;

use ottla_tests::lane::Needs;

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    let lies = lies::an_advertised_address_that_lies_is_named_with_its_broker;
    suite.test("network::an_advertised_address_that_lies_is_named_with_its_broker", Needs::ANY, lies);
    let moved = lies::a_cluster_that_moved_away_is_found_by_the_configured_list;
    suite.test("network::a_cluster_that_moved_away_is_found_by_the_configured_list", Needs::ANY, moved);
    let ipv6 = lies::ipv6_addresses_are_reached_and_advertised;
    suite.test("network::ipv6_addresses_are_reached_and_advertised", Needs::ANY, ipv6);
    let limit = Duration::from_secs(180);
    let reconnects = reconnects::a_thousand_reconnects_leave_nothing_behind;
    suite.long_test("network::a_thousand_reconnects_leave_nothing_behind", Needs::ANY.alone(), limit, reconnects);
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
