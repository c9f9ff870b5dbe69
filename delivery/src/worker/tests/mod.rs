//! The pipeline against a scripted group and producer, in paused time.

mod dead_letters;
mod flow;
mod handovers;
mod kit;
mod retries;
mod stores;
