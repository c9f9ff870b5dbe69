//! What those see who watch the services: health in an outage, metrics, logs.

mod leader;
mod logs;
mod manifests;
mod metrics;
mod outage;
mod rules;
mod spans;

use std::time::Duration;

use ottla_tests::lane::Needs;

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(300);
    let alone = Needs::ANY.alone();
    let gone = outage::brokers_that_are_gone_fail_readiness_and_never_liveness;
    let name = "observability::brokers_that_are_gone_fail_readiness_and_never_liveness";
    suite.long_test(name, alone.restart(), limit, gone);
    let silent = outage::brokers_that_are_silent_fail_readiness_and_never_liveness;
    let name = "observability::brokers_that_are_silent_fail_readiness_and_never_liveness";
    suite.long_test(name, alone.pause(), limit, silent);
    let leader = leader::a_silent_leader_is_named_by_readiness_until_it_answers;
    suite.long_test("observability::a_silent_leader_is_named_by_readiness_until_it_answers", Needs::ANY, limit, leader);
    let scrape = metrics::every_metric_of_rules_and_dashboard_is_in_a_live_scrape;
    suite.long_test("observability::every_metric_of_rules_and_dashboard_is_in_a_live_scrape", alone, limit, scrape);
    let logs = logs::json_logs_carry_an_orders_ids_from_its_request_to_its_record;
    suite.long_test("observability::json_logs_carry_an_orders_ids_from_its_request_to_its_record", alone, limit, logs);
    let spans = spans::a_collector_sees_an_order_from_its_request_to_its_row;
    suite.long_test("observability::a_collector_sees_an_order_from_its_request_to_its_row", alone, limit, spans);
    let promtool = rules::promtool_takes_the_rules_and_their_tests;
    suite.test("observability::promtool_takes_the_rules_and_their_tests", Needs::ANY.promtool(), promtool);
    let manifests = manifests::manifests_agree_with_the_binary_and_the_image;
    suite.test("observability::manifests_agree_with_the_binary_and_the_image", Needs::ANY, manifests);
}
