//! The bytes that members of a group of type `consumer` exchange through the coordinator.
//!
//! Kafka's `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`, versions 0 to 3. They come from other
//! members, possibly other clients, of other versions: a later version is read as the last one known, and what
//! follows it is ignored, as Java does. That is why they are read here and not by the message decoder, which
//! refuses left-over bytes.

mod assignment;
mod reader;
mod subscription;

pub(crate) use assignment::Assignment;
pub(crate) use subscription::Subscription;

/// What groups of consumers call themselves.
pub(crate) const PROTOCOL_TYPE: &str = "consumer";

/// The last version of both messages that is written and read.
const VERSION_MAX: i16 = 3;
