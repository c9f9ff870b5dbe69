//! Requests that a service must refuse, drawn from a seed and from its JSON Schemas.
//!
//! - [`schema`]: values of a schema, and values that break exactly one of its rules.
//! - [`text`]: JSON whose text is wrong.
//! - [`head`]: request heads that are wrong.

pub mod head;
pub mod schema;
pub mod text;
