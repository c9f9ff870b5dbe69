//! The `KAFKA_*` variables and what they configure.
//!
//! A flag goes before a variable, a variable before the default. An empty variable counts as unset. A known variable
//! that is not valid is an error, all of them together; an unknown one is a warning, for Kubernetes injects some.

mod reader;
mod security;
mod settings;

pub(crate) use security::mechanism_name;
pub(crate) use settings::{Given, Settings};
