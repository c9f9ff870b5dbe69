//! The broker as clients meet it: raw requests, over memory and TCP.

mod administration;
mod client;
mod every_version;
mod faults;
mod groups;
mod listener;
mod nodes;
mod storage;
