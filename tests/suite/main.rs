//! Every suite that needs a broker, in one binary.
//!
//! `OTTLA_TEST_BROKER=external:HOST:PORT | docker | jvm[:NODES] | embedded` chooses the lane; unset, it is Docker where
//! an engine and its image are at hand, else the embedded broker. `OTTLA_TEST_SEED` repeats a run's random decisions.

use std::process::ExitCode;

mod cluster;
mod fixture;
mod group;
mod harness;
mod hostile;
mod producer;
mod pubsub;
mod silent;
mod support;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let mut suite = harness::Suite::default();
    cluster::tests(&mut suite);
    group::tests(&mut suite);
    hostile::tests(&mut suite);
    producer::tests(&mut suite);
    pubsub::tests(&mut suite);
    silent::tests(&mut suite);
    match harness::run(&arguments, suite) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("suite: {reason}");
            ExitCode::FAILURE
        }
    }
}
