//! Every suite that needs a broker, in one binary.
//!
//! `OTTLA_TEST_BROKER=external:HOST:PORT | docker | jvm[:NODES] | embedded` chooses the lane; unset, it is Docker where
//! an engine and its image are at hand, else the embedded broker.
//! `OTTLA_TEST_POSTGRES=external:URL | docker | local | none` chooses the PostgreSQL; unset, it is this machine's own,
//! else a container, else none. `OTTLA_TEST_SEED` repeats a run's random decisions,
//! `OTTLA_TEST_SIZE=soak` makes the long tests as large as the promises, `OTTLA_LOG` (such as
//! `ottla_kafka_core=debug`) shows what the crates log.

use std::process::ExitCode;

mod admin;
mod broker;
mod chaos;
mod cli;
mod cluster;
mod command;
mod delivery;
mod demo;
mod dropped;
mod fetch;
mod fixture;
mod foreign;
mod fuzz;
mod group;
mod harness;
mod hostile;
mod http;
mod interop;
mod kills;
mod load;
mod network;
mod observability;
mod operations;
mod producer;
mod pubsub;
mod security;
mod silent;
mod store;
mod support;

fn main() -> ExitCode {
    if command::is_asked_for() {
        return ottla_services::cli::main();
    }
    let arguments = libtest_mimic::Arguments::from_args();
    log_if_asked();
    let mut suite = harness::Suite::default();
    admin::tests(&mut suite);
    broker::tests(&mut suite);
    chaos::tests(&mut suite);
    cli::tests(&mut suite);
    cluster::tests(&mut suite);
    delivery::tests(&mut suite);
    demo::tests(&mut suite);
    dropped::tests(&mut suite);
    fetch::tests(&mut suite);
    foreign::tests(&mut suite);
    fuzz::tests(&mut suite);
    group::tests(&mut suite);
    hostile::tests(&mut suite);
    http::tests(&mut suite);
    interop::tests(&mut suite);
    kills::tests(&mut suite);
    load::tests(&mut suite);
    network::tests(&mut suite);
    observability::tests(&mut suite);
    operations::tests(&mut suite);
    producer::tests(&mut suite);
    pubsub::tests(&mut suite);
    security::tests(&mut suite);
    silent::tests(&mut suite);
    store::tests(&mut suite);
    match harness::run(&arguments, suite) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("suite: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn log_if_asked() {
    if let Ok(filter) = std::env::var("OTTLA_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
