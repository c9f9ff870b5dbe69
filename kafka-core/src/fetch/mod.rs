//! Reading partitions: one request per leader, records as slices of the answer.

mod config;
mod fetcher;
mod partitions;
mod records;

pub use config::{FetchConfig, Isolation};
pub use fetcher::{Fetched, Fetcher};
pub use records::FetchedRecords;
