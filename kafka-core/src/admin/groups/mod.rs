//! Groups: listed, described, deleted; their offsets.

mod alter_offsets;
mod coordinator;
mod delete;
mod delete_offsets;
mod describe;
mod description;
mod list;
mod modern;
mod offsets;
mod state;

pub use description::{GroupDescription, GroupMember};
pub use list::{GroupListing, ListedGroup};
pub use state::{GroupState, GroupType};
