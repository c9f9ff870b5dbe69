//! HTTP as the live binary serves it: what it must refuse, what it must outlive.

mod client;
mod inputs;
mod limits;
mod routes;
mod slow;
mod stores;

use std::time::Duration;

use ottla_tests::lane::Needs;

pub(crate) use client::{Answer, Connection, post_with, request, written};

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(180);
    let alone = Needs::ANY.alone();
    let bad = inputs::bad_inputs_are_refused_by_problem_documents;
    suite.long_test("http::bad_inputs_are_refused_by_problem_documents", alone, limit, bad);
    let limits = limits::heads_bodies_and_times_have_limits;
    suite.long_test("http::heads_bodies_and_times_have_limits", alone, limit, limits);
    let slow = slow::two_hundred_slow_connections_do_not_stop_the_service;
    suite.long_test("http::two_hundred_slow_connections_do_not_stop_the_service", alone, limit, slow);
    let refused = stores::what_a_store_may_not_hold_is_refused;
    suite.long_test("http::what_a_store_may_not_hold_is_refused", alone, limit, refused);
    let shared = stores::bad_inputs_are_refused_on_postgres;
    suite.long_test("http::bad_inputs_are_refused_on_postgres", alone.postgres(), limit, shared);
    suite.test("http::every_route_is_tested", Needs::ANY, routes::every_route_is_tested);
}
