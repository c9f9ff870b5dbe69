//! Every setting, and what it configures.
//!
//! A flag goes before a variable, a variable before the file, the file before the default. An empty value counts as
//! unset. What is not valid is an error, everything together; a variable that nobody knows is a warning, for Kubernetes
//! injects some, and a key that nobody knows is an error, for nobody injects those.

mod file;
mod reader;
mod security;
mod setting;
mod settings;
mod spelling;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use reader::Given;
pub(crate) use setting::mechanism_name;
pub(crate) use settings::Settings;
pub(crate) use value::Value;
