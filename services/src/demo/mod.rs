//! `ottla demo`: the whole orders system on one broker, under load, and an account of every order at the end.

pub mod audit;
mod http;
mod load;
mod poison;
mod progress;
mod run;
mod summary;

pub use run::{Options, run};
pub use summary::{DeadLetter, Evidence, Posted, Stored, Summary};

use std::fmt;

use ottla::{Error, delivery::StoreError};

use crate::pubsub::StartError;

/// Why the demo could not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum DemoError {
    /// The embedded broker did not start.
    Broker(String),
    /// The service did not start.
    Service(StartError),
    /// The service was not ready in time; what it says of itself.
    NotReady(String),
    /// Customers or stock could not be put in.
    Seed(String),
    /// The cluster does not answer as it should.
    Kafka(Error),
    /// The store cannot be used.
    Store(StoreError),
    /// A directory for the store cannot be made.
    Directory(std::io::Error),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(error) => write!(f, "the embedded broker did not start: {error}"),
            Self::Service(error) => write!(f, "the service did not start: {error}"),
            Self::NotReady(why) => write!(f, "the service is not ready: {why}"),
            Self::Seed(error) => write!(f, "customers and stock could not be put in: {error}"),
            Self::Kafka(error) => write!(f, "the cluster cannot be read: {error}"),
            Self::Store(error) => write!(f, "the store cannot be used: {error}"),
            Self::Directory(error) => write!(f, "no directory for the store: {error}"),
        }
    }
}

impl std::error::Error for DemoError {}

impl From<Error> for DemoError {
    fn from(error: Error) -> Self {
        Self::Kafka(error)
    }
}

impl From<StoreError> for DemoError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StartError> for DemoError {
    fn from(error: StartError) -> Self {
        Self::Service(error)
    }
}
