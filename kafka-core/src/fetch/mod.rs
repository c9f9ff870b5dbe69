//! Reading partitions: many in a request, ahead of the application, within a bound on memory.
//!
//! [`Fetcher`] is the application's side; a task of its own asks the leaders. Between the two is one state:
//! [`partitions`] and [`reading`] know where each partition is and what of it waits, [`plan`] decides what to ask for,
//! [`opened`] and [`records`] make records of answers, [`budget`] counts their bytes wherever they are.

mod aborted;
mod budget;
mod config;
mod fetcher;
mod monitor;
mod opened;
mod partitions;
mod plan;
mod position;
mod reading;
mod records;
#[cfg(test)]
mod tests;

pub use config::{FetchConfig, Isolation};
pub use fetcher::{Fetched, Fetcher};
pub use monitor::FetchMonitor;
pub use position::{OffsetReset, StartPosition};
pub use reading::{LogOffsets, Stall};
pub use records::FetchedRecords;
