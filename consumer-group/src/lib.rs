//! Kafka consumer groups in pure Rust: membership, assignment, offsets.
#![allow(dead_code, unused_imports, reason = "the consumer that uses these parts is the next step")]

mod assignor;
mod membership;
mod protocol;
