//! What the group's owner asks the cluster: a small trait, so that the owner is tested without a network, and
//! its implementation over the client.

mod client;
mod join;
mod requests;
mod topics;

pub(crate) use client::ClientRequests;
pub(crate) use requests::{GroupTopics, Requests, Surroundings, Synced};
