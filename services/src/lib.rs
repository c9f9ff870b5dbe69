//! The services on Ottla, their HTTP and the ottla command.

pub mod cli;
mod config;
pub mod demo;
mod detached;
pub mod health;
pub mod http;
pub mod metrics;
pub mod operations;
pub mod pubsub;
pub mod telemetry;
