//! The broker as clients meet it: raw requests, over memory and TCP.

#![allow(dead_code, reason = "the tests that use the rest land next")]

mod client;
mod every_version;
mod listener;
