use std::sync::Arc;

use ottla_kafka_core::Env;
use tokio::sync::{mpsc, oneshot};

use super::{file::File, panicked, tables};
use crate::store::{Op, StoreError, Unit};

/// Units of work in one commit: a commit waits for the disk, whatever it holds.
const GROUP_MAX: usize = 256;
/// What one commit writes at most, in bytes, but for one unit.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// A unit of work and who waits for it.
pub(super) struct Request {
    pub(super) unit: Unit,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Writes units of work, as many as wait in one commit, until nobody can send any more.
pub(super) async fn run(env: Env, file: Arc<File>, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.recv().await {
        let mut units = Vec::new();
        let mut replies = Vec::new();
        let mut bytes = 0_usize;
        let mut next = Some(first);
        while let Some(Request { unit, reply }) = next {
            bytes = bytes.saturating_add(unit.ops().iter().map(Op::size).sum());
            units.push(unit);
            replies.push(reply);
            let room = units.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX;
            next = if room { requests.try_recv().ok() } else { None };
        }
        let file = Arc::clone(&file);
        let written = env.run_blocking(move || file.write(|transaction| tables::apply(transaction, &units))).await;
        match written.unwrap_or_else(|| Err(panicked())) {
            Ok(results) => replies.into_iter().zip(results).for_each(|(reply, result)| answer(reply, result)),
            Err(error) => {
                tracing::warn!(%error, units = replies.len(), "a commit to the redb file failed");
                replies.into_iter().for_each(|reply| answer(reply, Err(error.clone())));
            }
        }
    }
}

fn answer(reply: oneshot::Sender<Result<(), StoreError>>, result: Result<(), StoreError>) {
    // Nobody may be waiting any more; the unit is applied all the same.
    let _ = reply.send(result);
}
