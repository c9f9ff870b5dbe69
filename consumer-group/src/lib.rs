//! Kafka consumer groups in pure Rust: membership, assignment, offsets.
