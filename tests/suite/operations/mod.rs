//! The service as those see it who run it: signals, scarce descriptors, brokers that are not there yet.

mod away;
mod descriptors;
mod signals;

use std::time::Duration;

use ottla_tests::lane::Needs;

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(180);
    let alone = Needs::ANY.alone();
    let in_order = signals::a_signal_ends_the_service_in_order_with_0;
    suite.long_test("operations::a_signal_ends_the_service_in_order_with_0", alone, limit, in_order);
    let apart = signals::a_signal_ends_each_service_in_order_with_0;
    let name = "operations::a_signal_ends_each_service_in_order_with_0";
    suite.long_test(name, alone.postgres(), limit, apart);
    let second = signals::a_second_signal_ends_it_at_once_with_130;
    suite.test("operations::a_second_signal_ends_it_at_once_with_130", Needs::ANY, second);
    let grace = signals::what_is_not_done_within_the_grace_is_left_with_1;
    suite.test("operations::what_is_not_done_within_the_grace_is_left_with_1", Needs::ANY, grace);
    let few = descriptors::sixty_four_descriptors_cost_no_acknowledged_order;
    suite.long_test("operations::sixty_four_descriptors_cost_no_acknowledged_order", alone, limit, few);
    let none_left = descriptors::without_descriptors_it_says_so_and_recovers;
    suite.long_test("operations::without_descriptors_it_says_so_and_recovers", alone, limit, none_left);
    let away = away::brokers_away_at_the_start_are_waited_for;
    suite.long_test("operations::brokers_away_at_the_start_are_waited_for", Needs::ANY.restart(), limit, away);
}
