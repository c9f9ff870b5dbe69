//! A Kafka stack for Rust services in pure Rust.
