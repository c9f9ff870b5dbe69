//! What most tests do with a cluster: a client, a topic of their own, the whole log read back.

mod dense;
mod log;
mod process;
mod proxied;
mod rerouted;
pub(crate) mod shop;
mod topics;

pub(crate) use dense::{MAX_MESSAGE_BYTES, dense_text};
pub(crate) use log::{Logged, logged, read_codecs, read_log, read_log_by};
pub(crate) use process::Process;
pub(crate) use proxied::Proxied;
pub(crate) use rerouted::Rerouted;
