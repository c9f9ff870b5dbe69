//! The pipeline against a scripted group and producer, in paused time.

mod dead_letters;
mod flow;
mod handovers;
mod key_ends;
mod keys;
mod kit;
mod retries;
mod stores;
