//! TLS and SASL on Apache Kafka: what is right works, what is wrong is refused in time, and no secret is told.

mod accepted;
mod canary;
mod refused;
mod session;
mod token;

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{Client, ClientBuilder, Error, Sasl, Secret, Tls};
use ottla_tests::lane::Needs;

use crate::{
    fixture::{Listener, Secured},
    harness::Suite,
};

/// Within which a connection must come about, or be refused.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn tests(suite: &mut Suite) {
    let kafka = Needs::ANY.real_kafka().tools();
    let limit = Duration::from_secs(180);
    let right = accepted::every_protocol_and_mechanism_reads_what_it_wrote;
    suite.long_test("security::every_protocol_and_mechanism_reads_what_it_wrote", kafka, limit, right);
    let wrong = refused::what_is_wrong_is_refused_in_time_and_by_name;
    suite.long_test("security::what_is_wrong_is_refused_in_time_and_by_name", kafka, limit, wrong);
    let secret = canary::no_secret_is_told_by_any_log_or_error;
    // Alone: tracing asks the thread that first reaches a place in the code whether anybody listens there.
    suite.long_test("security::no_secret_is_told_by_any_log_or_error", kafka.alone(), limit, secret);
    let load = session::authenticating_again_under_load_loses_nothing;
    suite.long_test("security::authenticating_again_under_load_loses_nothing", kafka, limit, load);
    let idle = session::a_connection_that_the_broker_closed_as_idle_costs_no_call;
    suite.long_test("security::a_connection_that_the_broker_closed_as_idle_costs_no_call", kafka, limit, idle);
}

fn client(secured: &Secured, listener: Listener) -> Result<ClientBuilder, Failed> {
    Ok(Client::builder()
        .bootstrap([secured.address(listener).parse()?])
        .connect_timeout(CONNECT_TIMEOUT)
        .default_api_timeout(CONNECT_TIMEOUT))
}

/// TLS that trusts the broker's authority.
fn tls(secured: &Secured) -> Result<Tls, Error> {
    Tls::builder().ca_file(secured.certificates().file("authority.pem")).build()
}

fn password() -> Secret {
    Secret::new(Secured::PASSWORD)
}

/// Every mechanism with what is right.
fn mechanisms() -> [Sasl; 4] {
    [
        Sasl::plain(Secured::USER, password()).allow_plaintext(),
        Sasl::scram_sha_256(Secured::USER, password()),
        Sasl::scram_sha_512(Secured::USER, password()),
        Sasl::oauthbearer_token(token::unsecured(Secured::USER, 3_600)).allow_plaintext(),
    ]
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
