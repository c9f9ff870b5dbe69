//! Topics: created, described, given more partitions, deleted.

mod create;
mod create_partitions;
mod delete;
mod describe;

pub use create::NewTopic;
pub use describe::TopicDescription;
