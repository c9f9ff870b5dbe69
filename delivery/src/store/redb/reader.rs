use std::sync::Arc;

use ottla_kafka_core::Env;
use tokio::sync::mpsc;

use super::file::File;

/// Reads in one go: a go costs a thread's turn, whatever it holds.
const GROUP_MAX: usize = 64;

/// A read that answers whoever waits for it.
pub(super) type Read = Box<dyn FnOnce(&File) + Send>;

/// Reads, as many as wait in one go, until nobody can ask any more. A thread for each read would be more threads than the
/// reads need, and each keeps what it has ever touched.
pub(super) async fn run(env: Env, file: Arc<File>, mut requests: mpsc::Receiver<Read>) {
    let mut reads = Vec::with_capacity(GROUP_MAX);
    while requests.recv_many(&mut reads, GROUP_MAX).await > 0 {
        let (file, group) = (Arc::clone(&file), std::mem::take(&mut reads));
        // After a panic whoever was not answered finds that out by itself.
        let _ = env.run_blocking(move || group.into_iter().for_each(|read| read(&file))).await;
    }
}
