//! HTTP as every service speaks it: bounded connections, bounded bodies, problem documents.

mod activity;
mod connection;
mod descriptors;
mod door;
mod ending;
mod json;
mod problem;
mod server;
mod wire;
mod wish;

#[cfg(test)]
mod tests;

pub use json::{JsonBody, MAX_BODY, read_json};
pub use problem::{Problem, method_not_allowed, not_found};
pub use server::{Limits, Server};
