//! HTTP as every service speaks it: bounded connections, bounded bodies, problem documents.

mod json;
mod problem;
mod server;

pub use json::{JsonBody, MAX_BODY, read_json};
pub use problem::{Problem, method_not_allowed, not_found};
pub use server::{Limits, Server};
