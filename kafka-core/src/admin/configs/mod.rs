//! Settings of topics, brokers and groups.

mod alter;
mod describe;
mod resource;

pub use alter::ConfigChange;
pub use describe::{ConfigEntry, ConfigSource};
pub use resource::{ConfigResource, ResourceType};
