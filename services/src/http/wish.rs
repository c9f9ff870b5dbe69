use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Notify;

/// Somebody at the door wants a place: granted once, by who has waited longest to be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish(Arc<Notify>);

impl Wish {
    /// Asks who has waited longest, or else the next to wait.
    pub(super) fn make(&self) {
        self.0.notify_one();
    }

    /// Nobody is asked any more.
    pub(super) fn withdraw(&self) {
        let _ = self.0.notified().now_or_never();
    }

    /// Waits to be asked; in order, and whoever drops this when it is asked passes it on.
    pub(super) async fn granted(&self) {
        self.0.notified().await;
    }
}
