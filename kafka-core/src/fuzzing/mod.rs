//! Every place where a broker's bytes are read, as functions that fuzzers feed. Behind the feature `fuzzing`, which
//! nobody ships. A function may refuse its input in any way but one: it never panics, and takes no more memory than its
//! input justifies.

mod answers;
mod records;

use crate::{network, security};

/// A reader of hostile bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it reads.
    pub name: &'static str,
    /// Reads it.
    pub run: fn(&[u8]),
    /// Honest input, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of this crate's.
pub fn targets() -> Vec<Target> {
    let mut targets = records::TARGETS.to_vec();
    targets.push(Target { name: "stream", run: network::fuzzed, seeds: answered });
    targets.push(Target { name: "scram", run: security::fuzzed_scram, seeds: challenged });
    targets.extend(answers::targets());
    targets
}

/// Two answers in order.
fn answered() -> Vec<Vec<u8>> {
    vec![[0, 0, 0, 6, 0, 0, 0, 0, 7, 7, 0, 0, 0, 5, 0, 0, 0, 1, 9].to_vec()]
}

/// A broker's first and last message, of which the target takes either; the nonce begins with the client's.
fn challenged() -> Vec<Vec<u8>> {
    vec![
        b"r=nonceserver,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".to_vec(),
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=".to_vec(),
        b"e=no".to_vec(),
    ]
}
